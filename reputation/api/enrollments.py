"""The account's enrollment, which decides whether numbers may be enabled."""

from __future__ import annotations

from ninja import Router

from enrollment.status import get_enrollment_status
from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from reputation.api.schemas.enrollments import EnrollmentResponse, serialize_seats
from reputation.monitoring.eligibility import get_coverage

router = Router(tags=["Enrollment"])


@operation(router, "GET", "/enrollment", scope="read", responses={200: EnrollmentResponse})
def get_enrollment(request: ApiRequest) -> EnrollmentResponse:
    """Get the enrollment's state, and the seats of the licence.

    The form itself is filled in in the portal: a person answers for it.
    """
    status = get_enrollment_status(request.caller.account)
    return EnrollmentResponse(
        state=status.state,
        is_approved=status.is_approved,
        since=status.since,
        reason=status.reason,
        sentence=status.sentence,
        seats=serialize_seats(get_coverage(request.caller.account, request.context.now)),
    )
