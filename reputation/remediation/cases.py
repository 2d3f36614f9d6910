"""The lifecycle of a case: open, submitted, in review, disputed, cleared, failed or cancelled. Failed cases may reopen.

This is the only module that changes a case's state. Each function takes the ids of one chunk of cases or numbers, moves
those whose state allows it, writes an audit event for each in the same transaction, and returns the ids it moved. A
repeated or concurrent call moves nothing twice. An engine's answer never clears a case; see clearing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Value

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED
from reputation.desks import requests
from reputation.models import Case, Submission
from reputation.numbers import spam_status
from reputation.service_clock import days

State = Case.State

# The specification's "usually 1 to 2 days, but may take up to 1 week", in days of the service's clock.
USUAL_DAYS = 2
MAX_DAYS = 7

# The whole lifecycle: for each state, the states from which it can be reached. A label may disappear before its removal
# was requested (open to cleared), and a case whose engines could not be reached in time fails (open to failed). After a
# failure, somebody may ask again (failed to open).
TRANSITIONS: dict[str, tuple[str, ...]] = {
    State.OPEN: (State.FAILED,),
    State.SUBMITTED: (State.OPEN,),
    State.IN_REVIEW: (State.SUBMITTED,),
    State.DISPUTED: (State.IN_REVIEW,),
    State.CLEARED: Case.UNFINISHED,
    State.FAILED: Case.UNFINISHED,
    State.CANCELLED: Case.UNFINISHED,
}

# States of a submission that an engine may still act on.
OPEN_SUBMISSION_STATES = Submission.OPEN


def mark_submitted(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _transition(case_ids, to=State.SUBMITTED, context=Context.system(now))


def mark_in_review(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _transition(case_ids, to=State.IN_REVIEW, context=Context.system(now))


def mark_disputed(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    """An engine disputes the request. The case may then take MAX_DAYS from now."""
    with transaction.atomic():
        moved = _transition(case_ids, to=State.DISPUTED, context=Context.system(now))
        deadline = now + days(MAX_DAYS)
        Case.objects.filter(pk__in=in_list(moved)).update(expected_by=deadline, deadline_at=deadline)
    return moved


def clear(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _transition(case_ids, to=State.CLEARED, context=Context.system(now), reason="The label is no longer found.")


def fail(case_ids: Sequence[int], *, now: datetime, reason: str) -> list[int]:
    """The label stays. The account is then offered a support ticket."""
    return _transition(case_ids, to=State.FAILED, context=Context.system(now), reason=reason)


def reopen(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Somebody asks again. The numbers must have no other unfinished case."""
    with transaction.atomic():
        moved = _transition(case_ids, to=State.OPEN, context=Context.system(now), reason="Asked again.")
        Case.objects.filter(pk__in=in_list(moved)).update(
            closed_at=None,
            outcome="",
            next_action_at=now,
            expected_by=now + days(USUAL_DAYS),
            deadline_at=now + days(MAX_DAYS),
        )
    return moved


def cancel(case_ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    """Cancels the cases. Requests that no engine has received are not sent any more.

    Those that an engine has received stay with it, and a later case of the same label continues them.
    """
    with transaction.atomic():
        moved = _transition(case_ids, to=State.CANCELLED, context=context, reason=reason)
        submissions = Submission.objects.filter(case__in=in_list(moved), state__in=OPEN_SUBMISSION_STATES)
        submissions.update(next_action_at=None)
        submissions.filter(reference="").update(state=Submission.State.WITHDRAWN)
    return moved


def withdraw_requests(number_ids: Sequence[int], *, now: datetime) -> None:
    """Lets the sweep withdraw the requests of these numbers' cancelled cases from their engines.

    Call it for numbers that the account no longer has.
    """
    cancelled = Submission.objects.filter(
        case__number__in=in_list(number_ids), case__state=State.CANCELLED, state__in=OPEN_SUBMISSION_STATES
    )
    cancelled.exclude(reference="").update(state=Submission.State.WITHDRAWING, next_action_at=now)


def cancel_for_numbers(number_ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    """Cancels the unfinished cases of these numbers; returns the ids of the cases.

    Failed ones stay failed, but are not opened again for a request that is still to be sent.
    """
    failed = Case.objects.filter(number__in=in_list(number_ids), state=State.FAILED)
    requests.close_for_cases(list(failed.values_list("pk", flat=True)), now=context.now)
    unfinished = Case.objects.unfinished().filter(number__in=in_list(number_ids))
    return cancel(list(unfinished.values_list("pk", flat=True)), context=context, reason=reason)


def _transition(case_ids: Sequence[int], *, to: State, context: Context, reason: str = "") -> list[int]:
    """Moves the cases and updates the spam status of their numbers."""
    if not case_ids:
        return []
    with transaction.atomic():
        movable = Case.objects.filter(pk__in=in_list(case_ids), state__in=TRANSITIONS[to])
        moved = dict(movable.select_for_update().order_by("pk").values_list("pk", "number_id"))
        cases = Case.objects.filter(pk__in=in_list(moved))
        audit.record_changes(
            cases,
            context=context,
            code=f"case.{to}",
            label=F("number__e164"),
            before=F("state"),
            after=Value(str(to)),
            reason=Value(reason[:300]),
        )
        closing = {"closed_at": context.now, "outcome": reason[:300], "next_action_at": None, **RELEASED}
        cases.update(state=to, state_since=context.now, **({} if to in Case.UNFINISHED else closing))
        if to not in Case.UNFINISHED:
            requests.close_for_cases(list(moved), now=context.now)
        spam_status.recompute(list(moved.values()), now=context.now)
    return list(moved)
