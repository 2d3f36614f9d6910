"""The sweeps of remediation: due cases are submitted and asked about at the engines, and cancelled ones withdrawn."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery

from portal.db.bulk import update_rows
from portal.jobs.claims import claim
from reputation.models import Case, PhoneNumber, Submission, Tag
from reputation.providers.client import ProviderClient
from reputation.providers.protocol import EngineResponse, Stage, SubmitRequest
from reputation.providers.registry import get_providers
from reputation.remediation import cases as remediation
from reputation.remediation.next_step import join_names
from reputation.service_clock import days

logger = logging.getLogger(__name__)

CHUNK = 500
SubmissionState = Submission.State

# How often an engine that has not answered is asked, in days of the service's clock.
POLL_INTERVAL_DAYS = 1 / 4
CLAIM_CONFIRMATION_DAYS = 1

STATE_BY_STAGE = {
    Stage.NOT_YET: SubmissionState.WAITING,
    Stage.RECEIVED: SubmissionState.SUBMITTED,
    Stage.IN_REVIEW: SubmissionState.IN_REVIEW,
    Stage.DISPUTED: SubmissionState.DISPUTED,
    Stage.AGEING: SubmissionState.AGEING,
    Stage.DONE: SubmissionState.DONE,
    Stage.REFUSED: SubmissionState.REFUSED,
    Stage.WITHDRAWN: SubmissionState.WITHDRAWN,
}

WAIT_REASONS = {
    "gate": "waits until the engine has approved your business",
    "ownership": "waits until it is proven that the number is yours",
    "cooldown": "was asked too recently, and waits",
    "budget": "waits, since this period's budget is spent",
}


@dataclass
class _DueCase:
    """A case that is worked on: its submissions at the engines whose label stands."""

    case: Case
    submissions: list[Submission] = field(default_factory=list)


def advance_due(now: datetime) -> int:
    """One chunk: due cases are submitted where they were not, and asked about where they were; then each moves to the
    state that its engines' answers make it. Returns how many cases were looked at."""
    token, ids = claim(Case.objects.unfinished().due(now), now=now, most=CHUNK)
    if not ids:
        return 0
    due = _load_cases(ids)
    asking = ProviderClient(get_providers(), now)
    answers: dict[int, EngineResponse | str] = {}
    for name in asking.providers:
        mine = [
            submission
            for one in due.values()
            for submission in one.submissions
            if submission.engine.provider == name and _is_due(submission, now)
        ]
        # An engine that gave no reference cannot be asked about it: the request is repeated, under its key.
        answers |= _submit([one for one in mine if not one.reference], name, asking, due)
        answers |= _poll([one for one in mine if one.reference], name, asking)
    with transaction.atomic():
        held = Case.objects.filter(pk__in=ids, lease_token=token).select_for_update().order_by("pk")
        mine = set(held.values_list("pk", flat=True))
        claimed_done = _save_responses(due, answers, now)
        moves = _transition_cases([one for pk, one in due.items() if pk in mine], now)
        # A claim that the label is gone is borne out at once, or not.
        PhoneNumber.objects.filter(pk__in=claimed_done, capability=PhoneNumber.Capability.ON).update(
            next_action_at=now, round_began_at=None
        )
    said = ", ".join(f"{count} {what}" for what, count in moves.items() if count) or "none moved"
    logger.info("advance cases: %s asked about, %s", len(ids), said)
    return len(ids)


def _load_cases(ids: Sequence[int]) -> dict[int, _DueCase]:
    due = {case.pk: _DueCase(case) for case in Case.objects.filter(pk__in=ids).select_related("number")}
    standing_tags = Tag.objects.standing().filter(case=OuterRef("case"), engine=OuterRef("engine"))
    submissions = (
        Submission.objects.filter(Exists(standing_tags), case__in=ids)
        .annotate(
            label=Subquery(standing_tags.values("label")[:1]),
            detected_at=Subquery(standing_tags.values("detected_at")[:1]),
        )
        .select_related("engine")
        .order_by("pk")
    )
    for submission in submissions:
        due[submission.case_id].submissions.append(submission)
    return due


def _is_due(submission: Submission, now: datetime) -> bool:
    return submission.next_action_at is not None and submission.next_action_at <= now


def _submit(
    waiting: list[Submission], name: str, asking: ProviderClient, due: dict[int, _DueCase]
) -> dict[int, EngineResponse | str]:
    """What the engines answered to being asked to remove the labels, by submission: an answer, or why it is refused."""
    by_key = {submission.key: submission.pk for submission in waiting}
    requests = [
        SubmitRequest(
            key=submission.key,
            number=due[submission.case_id].case.number.e164,
            engine=submission.engine.slug,
            label=submission.label,
            detected_at=submission.detected_at,
        )
        for submission in waiting
    ]
    asked = asking.ask(name, "submit", requests)
    answers: dict[int, EngineResponse | str] = {by_key[one.key]: one for one in asked.answers if one.key in by_key}
    return answers | {by_key[request.key]: reason for request, reason in asked.refused}


def _poll(pending: list[Submission], name: str, asking: ProviderClient) -> dict[int, EngineResponse | str]:
    by_reference: dict[str, list[int]] = defaultdict(list)
    for submission in pending:
        by_reference[submission.reference].append(submission.pk)
    asked = asking.ask(name, "poll", list(by_reference))
    answers: dict[int, EngineResponse | str] = {}
    for answer in asked.answers:
        answers |= dict.fromkeys(by_reference.get(answer.reference, ()), answer)
    return answers | {pk: reason for reference, reason in asked.refused for pk in by_reference[reference]}


def _save_responses(due: dict[int, _DueCase], answers: dict[int, EngineResponse | str], now: datetime) -> list[int]:
    """Writes the answers to the submissions; returns the numbers of which an engine claims that the label is gone.

    Answers lag: who was cancelled while an engine was being asked has it withdrawn, and is not brought back.
    """
    fresh = {row.pk: row for row in Submission.objects.filter(pk__in=list(answers)).select_for_update(of=("self",))}
    rows, done = [], []
    for one in due.values():
        for submission in one.submissions:
            answer, now_there = answers.get(submission.pk), fresh.get(submission.pk)
            if answer is None or now_there is None or now_there.times != submission.times:
                continue
            _apply_response(submission, answer, now)
            if now_there.state in (SubmissionState.WITHDRAWN, SubmissionState.WITHDRAWING, SubmissionState.MOOT):
                if submission.reference and not now_there.reference and now_there.state != SubmissionState.MOOT:
                    submission.state, submission.next_action_at = SubmissionState.WITHDRAWING, now
                else:
                    continue
            rows.append({name: getattr(submission, name) for name in _RESPONSE_FIELDS})
            if submission.state == SubmissionState.DONE:
                done.append(one.case.number_id)
    update_rows(Submission, rows)
    return done


_RESPONSE_FIELDS = ("id", "state", "reference", "reason", "sent_at", "expected_by", "answered_at", "next_action_at")


def _apply_response(submission: Submission, answer: EngineResponse | str, now: datetime) -> None:
    """Sets on the submission what the engine said (a text: why the call was refused for it)."""
    if isinstance(answer, str):
        answer = EngineResponse(Stage.REFUSED, reason=answer)
    submission.state = STATE_BY_STAGE[answer.stage]
    submission.reason = answer.reason[:300]
    submission.reference = (answer.reference or submission.reference)[:120]
    submission.expected_by = answer.expected_by or submission.expected_by
    submission.next_action_at = now + days(POLL_INTERVAL_DAYS)
    if answer.stage is Stage.NOT_YET:
        wait = answer.wait
        said = WAIT_REASONS.get(wait.reason, "waits") if wait else "waits"
        submission.reason = submission.reason or f"The request {said}."
        submission.next_action_at = max(wait.until, now) if wait and wait.until else now + days(POLL_INTERVAL_DAYS)
        return
    submission.sent_at = submission.sent_at or now
    if answer.stage in (Stage.DONE, Stage.REFUSED, Stage.WITHDRAWN):
        submission.answered_at = submission.answered_at or now
        submission.next_action_at = None


def _transition_cases(cases: list[_DueCase], now: datetime) -> dict[str, int]:
    """Moves each case to the state its submissions make it, and notes when it must be looked at again."""
    moves: dict[str, list[int]] = {"submitted": [], "in review": [], "disputed": []}
    failing: dict[str, list[int]] = defaultdict(list)
    schedule = []
    for one in cases:
        states = {submission.state for submission in one.submissions}
        if reason := _failure_reason(one, now):
            failing[reason].append(one.case.pk)
            continue
        if states - {SubmissionState.WAITING}:
            moves["submitted"].append(one.case.pk)
        if states & {
            SubmissionState.IN_REVIEW,
            SubmissionState.DISPUTED,
            SubmissionState.AGEING,
            SubmissionState.DONE,
            SubmissionState.REFUSED,
        }:
            moves["in review"].append(one.case.pk)
        if SubmissionState.DISPUTED in states:
            moves["disputed"].append(one.case.pk)
        schedule.append(_schedule_row(one, now))
    Case.objects.filter(pk__in=[one.case.pk for one in cases]).update(lease_until=None, lease_token="", attempts=0)
    update_rows(Case, schedule)
    counts = {
        "submitted": len(remediation.mark_submitted(moves["submitted"], now=now)),
        "in review": len(remediation.mark_in_review(moves["in review"], now=now)),
        "disputed": len(remediation.mark_disputed(moves["disputed"], now=now)),
    }
    failed = [remediation.fail(ids, now=now, reason=reason) for reason, ids in failing.items()]
    return {**counts, "failed": sum(map(len, failed))}


def _failure_reason(one: _DueCase, now: datetime) -> str:
    """The reason for giving a case up, empty while there is hope. Labels that end by themselves are waited for: they
    fail no case, and keep none from failing."""
    asked = [submission for submission in one.submissions if submission.state != SubmissionState.AGEING]
    if not asked:
        return ""
    if all(submission.state == SubmissionState.REFUSED for submission in asked):
        return " ".join(dict.fromkeys(one_.reason or f"{one_.engine} refused." for one_ in asked))[:300]
    # A claim of the last moment is given the time for a look-up to bear it out.
    claimed_at = [one_.answered_at for one_ in asked if one_.state == SubmissionState.DONE]
    if now < max([one.case.deadline_at, *(answered_at + days(CLAIM_CONFIRMATION_DAYS) for answered_at in claimed_at)]):
        return ""
    claims = [one_.engine.name for one_ in asked if one_.state == SubmissionState.DONE]
    if len(claims) == len(asked):
        return f"{join_names(claims)} answered that the label was removed, but it still shows."
    names = join_names([one_.engine.name for one_ in asked])
    return f"The label still shows, and the time for removing it is over. Open at: {names}."


def _schedule_row(one: _DueCase, now: datetime) -> dict[str, object]:
    """When the case must be looked at again, and by when an engine is expected to have answered."""
    asked = [submission for submission in one.submissions if submission.state != SubmissionState.AGEING]
    moments = [one_.next_action_at for one_ in one.submissions if one_.next_action_at]
    # A provider that could not be reached left its submissions due: no sooner than usual.
    next_action_at = max(min(moments, default=now + days(POLL_INTERVAL_DAYS)), now + days(POLL_INTERVAL_DAYS / 4))
    awaited = [
        one_ for one_ in asked or one.submissions if one_.state in (SubmissionState.WAITING, *Submission.UNANSWERED)
    ]
    expected = [one_.expected_by for one_ in awaited if one_.expected_by]
    expected_by = max(expected, default=one.case.expected_by)
    if asked:
        next_action_at = min(next_action_at, one.case.deadline_at) if one.case.deadline_at > now else next_action_at
        expected_by = min(expected_by, one.case.deadline_at) if expected_by else one.case.deadline_at
    return {
        "id": one.case.pk,
        "next_action_at": next_action_at,
        "expected_by": expected_by,
        "deadline_at": one.case.deadline_at if asked else max(one.case.deadline_at, expected_by or now),
    }


def withdraw_due(now: datetime) -> int:
    """One chunk: tells the engines what need not be done any more. Repeated until they have answered."""
    due = Submission.objects.filter(state=SubmissionState.WITHDRAWING, next_action_at__lte=now).select_related("engine")
    waiting = list(due.order_by("next_action_at", "pk")[:CHUNK])
    if not waiting:
        return 0
    asking = ProviderClient(get_providers(), now)
    told: set[int] = set()
    for name in {submission.engine.provider for submission in waiting}:
        mine: dict[str, list[int]] = defaultdict(list)
        for submission in waiting:
            if submission.engine.provider == name:
                mine[submission.reference].append(submission.pk)
        if name not in asking.providers:  # nobody is left who could be told
            told.update(pk for pks in mine.values() for pk in pks)
            continue
        asked = asking.ask(name, "withdraw", list(mine))
        # One that is refused is past withdrawing; asking again would not change it.
        for reference in [answer.reference for answer in asked.answers] + [item for item, _ in asked.refused]:
            told.update(mine.get(reference, ()))
    rows = Submission.objects.filter(
        pk__in=[submission.pk for submission in waiting], state=SubmissionState.WITHDRAWING
    )
    rows.filter(pk__in=told).update(state=SubmissionState.WITHDRAWN, answered_at=now, next_action_at=None)
    rows.update(next_action_at=now + days(POLL_INTERVAL_DAYS))
    logger.info("withdraw: %s of %s engines' requests withdrawn", len(told), len(waiting))
    return len(waiting)
