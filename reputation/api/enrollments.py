"""How the account's enrollment stands: whether numbers may be enabled."""

from __future__ import annotations

from ninja import Router

from enrollment.status import status_of
from portal.api.authentication import ApiRequest
from portal.api.operations import endpoint
from reputation.api.schemas.enrollments import EnrollmentOut, seats
from reputation.monitoring.eligibility import coverage_of

router = Router(tags=["Enrollment"])


@endpoint(router, "GET", "/enrollment", scope="read", answers={200: EnrollmentOut})
def get_enrollment(request: ApiRequest) -> EnrollmentOut:
    """Get the enrollment's state, and the seats of the licence.

    The form itself is filled in in the portal: a person answers for it.
    """
    status = status_of(request.caller.account)
    return EnrollmentOut(
        state=status.state,
        is_approved=status.is_approved,
        since=status.since,
        reason=status.reason,
        sentence=status.sentence,
        seats=seats(coverage_of(request.caller.account, request.now)),
    )
