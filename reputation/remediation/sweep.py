"""The sweeps of remediation: submit, poll and close due cases, and withdraw the requests of removed numbers."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import OuterRef, Subquery

from portal.db.bulk import update_rows
from portal.jobs.claims import RELEASED, claim
from portal.text import join_names
from reputation.desks.choosing import UNKNOWN_ENGINE
from reputation.desks.opening import open_requests
from reputation.models import Case, Connection, DeskRequest, EngineRole, PhoneNumber, Submission, Tag
from reputation.providers.client import ProviderClient
from reputation.providers.connections import get_assigned_providers, group_by_connection
from reputation.providers.protocol import EngineResponse, SubmitRequest, acts_by_people
from reputation.providers.registry import get_providers
from reputation.providers.withdrawal import withdraw_chunk
from reputation.remediation import cases
from reputation.remediation.cases import OPEN_SUBMISSION_STATES
from reputation.remediation.responses import POLL_INTERVAL_DAYS, State, save_responses
from reputation.service_clock import days

if TYPE_CHECKING:
    from typing import TypedDict

    from django_stubs_ext import WithAnnotations

    class _ActiveTag(TypedDict):
        label: str
        detected_at: datetime

    _TaggedSubmission = WithAnnotations[Submission, _ActiveTag]

logger = logging.getLogger(__name__)

CHUNK = 500
# After its deadline, a case waits so long for a look-up to confirm an engine's claim that the label is removed.
CLAIM_CONFIRMATION_DAYS = 1
# How often a case is looked at while people ask a desk. Each step that somebody records makes it due at once.
PEOPLE_INTERVAL_DAYS = 1
# A withdrawn request asks nobody, whether or not it was sent, so it does not make a case submitted.
_UNSENT_STATES = {State.WAITING, State.WITHDRAWN}
# A case is in review once a submission has reached one of these states.
_REVIEW_STATES = {State.IN_REVIEW, State.DISPUTED, State.AGEING, State.DONE, State.REFUSED}


@dataclass
class _DueCase:
    """A case with its submissions to the engines that still label the number.

    While people ask a desk, the time of the case is that of the desk.
    """

    case: Case
    submissions: list[_TaggedSubmission] = field(default_factory=list)
    has_open_request: bool = False
    request_due_at: datetime | None = None

    def add_open_request(self, due_at: datetime | None) -> None:
        self.has_open_request = True
        self.request_due_at = max(filter(None, (self.request_due_at, due_at)), default=None)

    @property
    def requested(self) -> list[Submission]:
        """Without submissions whose label only expires. They neither fail the case nor keep it from failing."""
        return [submission for submission in self.submissions if submission.state != State.AGEING]


def advance_due(now: datetime) -> int:
    """Submits and polls one chunk of due cases and moves each to its new state; returns how many cases were due."""
    token, ids = claim(Case.objects.unfinished().due(now), now=now, limit=CHUNK)
    if not ids:
        return 0
    # Of engines that people have asked about only since the case opened, or for which a desk was missing.
    open_requests(list(Case.objects.filter(pk__in=ids).values_list("number_id", flat=True)), now=now)
    due = _load_cases(ids)
    responses = _request_removals(due, now)
    providers = get_assigned_providers(EngineRole.Role.REMEDIATE)
    with transaction.atomic():
        PhoneNumber.objects.filter(cases__in=ids).lock()  # first, as where a number is removed
        locked = Case.objects.filter(pk__in=ids, lease_token=token).select_for_update().order_by("pk")
        locked_ids = set(locked.values_list("pk", flat=True))
        for case_id, due_at in DeskRequest.objects.open().filter(case__in=ids).values_list("case_id", "due_at"):
            due[case_id].add_open_request(due_at)
        claimed = save_responses(
            (submission for due_case in due.values() for submission in due_case.submissions), responses, now
        )
        counts = _transition_cases([due_case for pk, due_case in due.items() if pk in locked_ids], providers, now)
        # Look the numbers up at once, to confirm or refute the claims that their labels are gone.
        claimed_numbers = {due[case_id].case.number_id for case_id in claimed}
        PhoneNumber.objects.looked_up().filter(pk__in=claimed_numbers).request_lookup(now)
    summary = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "none moved"
    logger.info("advance cases: %s due, %s", len(ids), summary)
    return len(ids)


def _request_removals(due: dict[int, _DueCase], now: datetime) -> dict[int, EngineResponse]:
    """Submits and polls what is due; returns the responses by submission id."""
    client = ProviderClient(now)
    responses: dict[int, EngineResponse] = {}
    due_submissions = [
        submission for due_case in due.values() for submission in due_case.submissions if submission.is_due(now)
    ]
    for connection, submissions in group_by_connection(due_submissions, EngineRole.Role.REMEDIATE).items():
        # Without a reference, polling is impossible: the request is repeated with the same idempotency key.
        new = [submission for submission in submissions if not submission.reference]
        responses |= _submit(new, connection, client, due)
        responses |= _poll([submission for submission in submissions if submission.reference], connection, client)
    return responses


def _load_cases(ids: Sequence[int]) -> dict[int, _DueCase]:
    due = {case.pk: _DueCase(case) for case in Case.objects.filter(pk__in=ids).select_related("number")}
    active_tags = Tag.objects.active().filter(case=OuterRef("case"), engine=OuterRef("engine"))
    submissions = (
        Submission.objects.with_active_tag()
        .filter(case__in=ids)
        .annotate(
            label=Subquery(active_tags.values("label")[:1]),
            detected_at=Subquery(active_tags.values("detected_at")[:1]),
        )
        .select_related("engine", "case")
        .order_by("pk")
    )
    for submission in submissions:
        due[submission.case_id].submissions.append(submission)
    return due


def _submit(
    submissions: Sequence[_TaggedSubmission], connection: Connection, client: ProviderClient, due: dict[int, _DueCase]
) -> dict[int, EngineResponse]:
    """Requests the removal of the labels; returns the responses by submission id."""
    by_key = {submission.idempotency_key: submission.pk for submission in submissions}
    requests = [
        SubmitRequest(
            idempotency_key=submission.idempotency_key,
            number=due[submission.case_id].case.number.e164,
            engine=submission.engine.slug,
            label=submission.label,
            detected_at=submission.detected_at,
        )
        for submission in submissions
    ]
    result = client.call(connection, "submit", requests)
    responses = {
        by_key[answer.idempotency_key]: answer for answer in result.answers if answer.idempotency_key in by_key
    }
    return responses | {by_key[request.idempotency_key]: refusal for request, refusal in result.iter_refusals()}


def _poll(
    submissions: Sequence[Submission], connection: Connection, client: ProviderClient
) -> dict[int, EngineResponse]:
    """Asks for the progress of the requests; returns the responses by submission id."""
    by_reference: dict[str, list[int]] = defaultdict(list)
    for submission in submissions:
        by_reference[submission.reference].append(submission.pk)
    result = client.call(connection, "poll", list(by_reference))
    responses: dict[int, EngineResponse] = {}
    for answer in result.answers:
        responses |= dict.fromkeys(by_reference.get(answer.reference, ()), answer)
    return responses | {pk: refusal for reference, refusal in result.iter_refusals() for pk in by_reference[reference]}


def _transition_cases(due: Sequence[_DueCase], providers: Mapping[int, str], now: datetime) -> dict[str, int]:
    """Moves each case to the state that its submissions imply, and schedules its next action; returns the counts."""
    submitted: list[int] = []
    in_review: list[int] = []
    disputed: list[int] = []
    failing: dict[str, list[int]] = defaultdict(list)
    schedule = []
    for due_case in due:
        states = {submission.state for submission in due_case.submissions}
        if reason := _failure_reason(due_case, providers, now):
            failing[reason].append(due_case.case.pk)
            continue
        if states - _UNSENT_STATES:
            submitted.append(due_case.case.pk)
        if states & _REVIEW_STATES:
            in_review.append(due_case.case.pk)
        if State.DISPUTED in states:
            disputed.append(due_case.case.pk)
        schedule.append(_schedule_row(due_case, now))
    Case.objects.filter(pk__in=[due_case.case.pk for due_case in due]).update(attempts=0, **RELEASED)
    update_rows(Case, schedule)
    return {
        "submitted": len(cases.mark_submitted(submitted, now=now)),
        "in review": len(cases.mark_in_review(in_review, now=now)),
        "disputed": len(cases.mark_disputed(disputed, now=now)),
        "failed": sum(len(cases.fail(ids, now=now, reason=reason)) for reason, ids in failing.items()),
    }


def _failure_reason(due_case: _DueCase, providers: Mapping[int, str], now: datetime) -> str:
    """Why the case fails now; empty if it goes on. `providers` has who remediates, by engine."""
    requested = due_case.requested
    if not requested or due_case.has_open_request:
        return ""
    unsendable = [submission for submission in requested if _is_unsendable(submission, providers)]
    if now < due_case.case.deadline_at and any(_waits_for_network(submission, providers) for submission in unsendable):
        return ""
    ended = [submission for submission in requested if submission.state in (State.REFUSED, State.WITHDRAWN)]
    nobody_asks = _describe_unsendable(unsendable, providers)
    if len(ended) + len(unsendable) == len(requested):
        reasons = [_describe_end(submission) for submission in ended]
        return " ".join(filter(None, [*dict.fromkeys(reasons), nobody_asks]))[:300]
    done = [submission for submission in requested if submission.state == State.DONE]
    # A look-up needs time to confirm a claim that arrived just before the deadline.
    confirmed_by = [
        submission.answered_at + days(CLAIM_CONFIRMATION_DAYS) for submission in done if submission.answered_at
    ]
    if now < max([due_case.case.deadline_at, *confirmed_by]):
        return ""
    names = join_names([submission.engine.name for submission in requested])
    if len(done) == len(requested):
        return f"{names} answered that the label was removed, but it still shows."
    return f"The label still shows, and the time for removing it is over. Open at: {names}. {nobody_asks}".strip()


def _is_unsendable(submission: Submission, providers: Mapping[int, str]) -> bool:
    """Whether the request was never sent, and no provider in use would send it.

    People send none without a desk. With one, the case has an open request.
    """
    is_unsent = submission.state == State.WAITING and not submission.reference
    return is_unsent and (submission.engine_id not in providers or _is_asked_by_people(submission, providers))


def _waits_for_network(submission: Submission, providers: Mapping[int, str]) -> bool:
    """Whether no desk can be asked before people find out which network shows the label."""
    return submission.engine.slug == UNKNOWN_ENGINE and _is_asked_by_people(submission, providers)


def _is_asked_by_people(submission: Submission, providers: Mapping[int, str]) -> bool:
    provider = providers.get(submission.engine_id)
    return provider is not None and acts_by_people(get_providers()[provider])


def _describe_unsendable(submissions: Sequence[Submission], providers: Mapping[int, str]) -> str:
    without_network = [one for one in submissions if _waits_for_network(one, providers)]
    without_desk = [one for one in submissions if _is_asked_by_people(one, providers) and one not in without_network]
    others = [one for one in submissions if not _is_asked_by_people(one, providers)]
    sentences = (
        (others, "No provider that is set up here can ask {names} to remove a label."),
        (without_desk, "No desk is known here that reviews labels of {names}."),
        (without_network, "The network that shows the label is not known, so no desk could be asked."),
    )
    return " ".join(text.format(names=join_names([one.engine.name for one in of])) for of, text in sentences if of)


def _describe_end(submission: Submission) -> str:
    if submission.state == State.WITHDRAWN:
        return f"The request about the label of {submission.engine.name} was withdrawn."
    return submission.reason or f"{submission.engine.name} refused."


def _schedule_row(due_case: _DueCase, now: datetime) -> dict[str, object]:
    """The case's next action, when an answer is expected, and the deadline."""
    case, requested = due_case.case, due_case.requested
    planned = [submission.next_action_at for submission in due_case.submissions if submission.next_action_at]
    interval = PEOPLE_INTERVAL_DAYS if due_case.has_open_request else POLL_INTERVAL_DAYS
    # If a provider could not be reached, its submissions are still due. Do not retry them at once.
    next_action_at = max(min(planned, default=now + days(interval)), now + days(POLL_INTERVAL_DAYS / 4))
    expected = [
        submission.expected_by
        for submission in requested or due_case.submissions
        if submission.state in OPEN_SUBMISSION_STATES and submission.expected_by
    ]
    if due_case.has_open_request:
        expected_by, deadline_at = max(expected, default=None), max(case.deadline_at, due_case.request_due_at or now)
    elif requested:
        next_action_at = min(next_action_at, case.deadline_at) if case.deadline_at > now else next_action_at
        expected_by = min(max(expected, default=case.expected_by or case.deadline_at), case.deadline_at)
        deadline_at = case.deadline_at
    else:
        expected_by = max(expected, default=case.expected_by)
        deadline_at = max(case.deadline_at, expected_by or now)
    return {"id": case.pk, "next_action_at": next_action_at, "expected_by": expected_by, "deadline_at": deadline_at}


def withdraw_due(now: datetime) -> int:
    """Withdraws one chunk of the requests of removed numbers at their engines; returns how many it tried."""
    withdrawing = Submission.objects.filter(state=State.WITHDRAWING).select_related("case")
    return withdraw_chunk(
        withdrawing,
        role=EngineRole.Role.REMEDIATE,
        now=now,
        limit=CHUNK,
        retry_days=POLL_INTERVAL_DAYS,
        answered_at=now,
    )
