"""What the requests to desks say about the submissions of their cases. The sweep of cases reads only submissions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from portal.db.bulk import update_rows
from portal.db.in_list import in_list
from portal.text import join_names
from reputation.models import Case, DeskRequest, Submission
from reputation.providers.connections import get_engines_asked_by_people

State = DeskRequest.State
SubmissionState = Submission.State

# The state of a submission by those of its requests: the first that one of them has. A desk's refusal counts once no
# other desk may still act.
_STATES = (
    (SubmissionState.WAITING, (State.TO_SEND,)),
    (SubmissionState.SUBMITTED, (State.SENT, State.SILENT)),
    (SubmissionState.IN_REVIEW, (State.ACKNOWLEDGED, State.QUESTION)),
    (SubmissionState.DONE, (State.DONE,)),
    (SubmissionState.REFUSED, (State.REFUSED,)),
    (SubmissionState.WITHDRAWN, (State.WITHDRAWN,)),
)
# States of a submission in which nobody asks any more, whatever its requests say.
_ENDED = (SubmissionState.MOOT, SubmissionState.CONTINUED, SubmissionState.WITHDRAWING)


def update_submissions(case_ids: Collection[int], *, now: datetime) -> None:
    """Sets the submissions that people make in these cases as their requests are, and makes the cases due.

    A failed case is due as well: it is opened again if somebody asks again.
    """
    people = get_engines_asked_by_people()
    cases = Case.objects.filter(pk__in=in_list(case_ids), state__in=(*Case.UNFINISHED, Case.State.FAILED))
    submissions = list(
        Submission.objects.filter(case__in=cases, engine__in=in_list(people))
        .exclude(state__in=_ENDED)
        .select_related("engine")
        .order_by("pk")
    )
    requests = _get_requests(case_ids)
    rows = []
    for submission in submissions:
        of_case = requests.get(submission.case_id, [])
        # A desk may serve several engines, and has one request of a number for all of them.
        own = [request for request in of_case if request.engine_id == submission.engine_id]
        if of_submission := own or [request for request in of_case if request.is_open]:
            rows.append({"id": submission.pk, **_get_columns(of_submission)})
    update_rows(Submission, rows)
    cases.update(next_action_at=now)


def _get_requests(case_ids: Collection[int]) -> dict[int, list[DeskRequest]]:
    """The last request of each case to each desk, by case; one query."""
    last: dict[tuple[int, int, int], DeskRequest] = {}
    for request in DeskRequest.objects.filter(case__in=in_list(case_ids)).select_related("desk").order_by("pk"):
        last[request.case_id, request.engine_id, request.desk_id] = request
    by_case: dict[int, list[DeskRequest]] = defaultdict(list)
    for request in last.values():
        by_case[request.case_id].append(request)
    return by_case


def _get_columns(requests: Sequence[DeskRequest]) -> dict[str, object]:
    states = {request.state for request in requests}
    state = next(state for state, of_requests in _STATES if states.intersection(of_requests))
    sent = [request.sent_at for request in requests if request.sent_at]
    due = [request.due_at for request in requests if request.due_at and request.state in DeskRequest.WITH_DESK]
    is_answered = state in (SubmissionState.DONE, SubmissionState.REFUSED)
    return {
        "state": state,
        "reason": _describe_refusals(requests)[:300] if state == SubmissionState.REFUSED else "",
        "sent_at": min(sent, default=None),
        "expected_by": max(due, default=None),
        "answered_at": max(request.state_since for request in requests) if is_answered else None,
        "next_action_at": None,
    }


def _describe_refusals(requests: Sequence[DeskRequest]) -> str:
    """Such as "Hiya refused because of how the number is used."."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for request in requests:
        if request.state == State.REFUSED:
            by_reason[request.get_refusal_display().lower()].append(request.desk.name)
    return " ".join(f"{join_names(names)} refused {reason}." for reason, names in by_reason.items())
