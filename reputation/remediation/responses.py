"""The engines' responses to removal requests: how they change a submission."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from portal.db.bulk import update_rows
from reputation.models import Submission
from reputation.providers.protocol import EngineResponse, Stage
from reputation.service_clock import days

# How often an engine that has not answered is asked, in days of the service's clock.
POLL_INTERVAL_DAYS = 1 / 4

State = Submission.State

STATE_BY_STAGE = {
    Stage.NOT_YET: State.WAITING,
    Stage.RECEIVED: State.SUBMITTED,
    Stage.IN_REVIEW: State.IN_REVIEW,
    Stage.DISPUTED: State.DISPUTED,
    Stage.AGEING: State.AGEING,
    Stage.DONE: State.DONE,
    Stage.REFUSED: State.REFUSED,
    Stage.WITHDRAWN: State.WITHDRAWN,
}

WAIT_REASONS = {
    "gate": "waits until the engine has approved your business",
    "ownership": "waits until it is proven that the number is yours",
    "cooldown": "was asked too recently, and waits",
    "budget": "waits, since this period's budget is spent",
}

_RESPONSE_FIELDS = ("id", "state", "reference", "reason", "sent_at", "expected_by", "answered_at", "next_action_at")


def save_responses(
    submissions: Iterable[Submission], responses: Mapping[int, EngineResponse], now: datetime
) -> list[int]:
    """Writes the responses, by submission id, to the submissions; returns the ids of the cases with a claimed removal.

    A submission that was reset, closed or withdrawn while its engine was being asked keeps its new state. If its case
    was cancelled, the engine has the request all the same: its answer is stored, and it is not asked again. If the
    number was removed before the submission had a reference, the request is withdrawn now.
    """
    asked = Submission.objects.filter(pk__in=list(responses)).select_related("case__number")
    current = {row.pk: row for row in asked.select_for_update(of=("self",))}
    rows, claimed = [], []
    for submission in submissions:
        response, stored = responses.get(submission.pk), current.get(submission.pk)
        if response is None or stored is None or stored.request_count != submission.request_count:
            continue
        _apply_response(submission, response, now)
        if stored.state == State.MOOT:
            continue
        if stored.state in (State.WITHDRAWING, State.CONTINUED):
            continue
        if not stored.case.is_unfinished:
            submission.next_action_at = None
        if stored.state == State.WITHDRAWN:
            if stored.reference or not submission.reference:
                continue
            submission.next_action_at = None
            if stored.case.number.removed_at and submission.state in Submission.OPEN:
                submission.state, submission.next_action_at = State.WITHDRAWING, now
        rows.append({name: getattr(submission, name) for name in _RESPONSE_FIELDS})
        if submission.state == State.DONE:
            claimed.append(submission.case_id)
    update_rows(Submission, rows)
    return claimed


def _apply_response(submission: Submission, response: EngineResponse, now: datetime) -> None:
    """Sets the fields of the submission, without saving it."""
    submission.state = STATE_BY_STAGE[response.stage]
    submission.reason = response.reason[:300]
    submission.reference = (response.reference or submission.reference)[:120]
    submission.expected_by = response.expected_by or submission.expected_by
    submission.next_action_at = now + days(POLL_INTERVAL_DAYS)
    if response.stage is Stage.NOT_YET:
        wait = response.wait
        reason = WAIT_REASONS.get(wait.reason, "waits") if wait else "waits"
        submission.reason = submission.reason or f"The request {reason}."
        if wait and wait.until:
            submission.next_action_at = max(wait.until, now)
        return
    submission.sent_at = submission.sent_at or now
    if response.stage in (Stage.DONE, Stage.REFUSED, Stage.WITHDRAWN):
        submission.answered_at = submission.answered_at or now
        submission.next_action_at = None
