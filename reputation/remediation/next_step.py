"""The next step of a case as a sentence for pages and the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.text import join_names
from reputation.desks import your_turn
from reputation.desks.choosing import FIND_NETWORK, UNKNOWN_ENGINE
from reputation.models import Case, EngineRole, Submission
from reputation.providers.connections import get_assigned_providers, get_engines_asked_by_people
from reputation.remediation import ticket

# The first state that a submission of the case has decides: the least advanced one.
_SENTENCE_BY_SUBMISSION_STATE = (
    (Submission.State.WAITING, "The request to remove the label goes to {names}."),
    (
        Submission.State.DISPUTED,
        "Decision of the dispute by {names}, which may take up to a week. Nothing to do for you.",
    ),
    (Submission.State.IN_REVIEW, "Answer of {names}, usually within 1 to 2 days. Nothing to do for you."),
    (Submission.State.SUBMITTED, "Review by {names}, which usually takes 1 to 2 days. Nothing to do for you."),
    (Submission.State.DONE, "A look-up has to bear out that {names} removed the label."),
    (
        Submission.State.AGEING,
        "The complaints age out, and the label of {names} goes with them. Nothing to do for you.",
    ),
    (Submission.State.REFUSED, "The label of {names} stays, since the request was refused."),
    (Submission.State.WITHDRAWN, "The request about the label of {names} was withdrawn. Nobody asks to remove it."),
)
# Nothing more comes of these, so nothing is expected by a date.
_ENDED_STATES = (Submission.State.REFUSED, Submission.State.WITHDRAWN)

_SENTENCE_BY_CLOSED_STATE: dict[str, str] = {
    Case.State.CLEARED: "The label is gone. Nothing more to do.",
    Case.State.FAILED: "The label could not be removed. Ask again.",
    Case.State.CANCELLED: "The case was cancelled. Nothing more will happen.",
}


class AskedBy(StrEnum):
    """Who asks now to remove the labels of a case. PEOPLE: the account's own, and providers if they do as well."""

    PROVIDERS = "providers"
    PROVIDERS_IN_PART = "providers_in_part"
    PEOPLE = "people"
    NOBODY = "nobody"


@dataclass(frozen=True)
class NextStep:
    """What happens next in a case, and when it is expected (None: nothing more happens).

    `needs_network` says that people have to find out which network shows a label, before a desk can be asked.
    """

    sentence: str
    expected_by: datetime | None
    asked_by: AskedBy = AskedBy.NOBODY
    needs_network: bool = False


def get_next_step(case: Case, now: datetime) -> NextStep:
    """The next step of the case; four queries at most.

    With desks, it says whose turn it is. What providers do follows.
    """
    if not case.is_unfinished:
        if case.ticket_reference:
            return NextStep(f"The label could not be removed. Support ticket {case.ticket_reference} was opened.", None)
        if case.state == Case.State.FAILED and ticket.is_offered():
            return NextStep("The label could not be removed. Ask again, or open a support ticket.", None)
        return NextStep(_SENTENCE_BY_CLOSED_STATE[case.state], None)
    turns = your_turn.get_turns([case.number_id], now).get(case.number_id, [])
    by_provider = _get_step_of_providers(case, now, has_requests=bool(turns))
    if not turns:
        return by_provider or NextStep("No engine is asked to remove a label now.", None)
    sentences = [your_turn.join_sentences(turns), by_provider.sentence if by_provider else "", your_turn.DESK_TIMES]
    return NextStep(" ".join(filter(None, sentences)), turns[0].due_at, AskedBy.PEOPLE)


def _get_step_of_providers(case: Case, now: datetime, *, has_requests: bool) -> NextStep | None:
    """What the engines do that a provider asks, which refused or are asked no more, and which nobody can ask.

    None if people ask them all.
    """
    by_state: dict[str, list[Submission]] = defaultdict(list)
    nobody_asks = []
    needs_network = False
    providers = get_assigned_providers(EngineRole.Role.REMEDIATE)
    people = get_engines_asked_by_people()
    for submission in case.submissions.with_active_tag().select_related("engine").order_by("engine__name"):
        is_unsent = submission.state == Submission.State.WAITING and not submission.reference
        if submission.engine_id in people and has_requests and submission.state not in _ENDED_STATES:
            continue
        if is_unsent and submission.engine_id in people and submission.engine.slug == UNKNOWN_ENGINE:
            needs_network = True
        elif is_unsent and (submission.engine_id not in providers or submission.engine_id in people):
            nobody_asks.append(submission.engine.name_in_sentence)
        else:
            by_state[submission.state].append(submission)
    step = _get_first_step(by_state, case, now)
    sentences = [FIND_NETWORK if needs_network else "", step.sentence if step else "", _describe_unasked(nobody_asks)]
    if not needs_network and not nobody_asks:
        return step
    is_asked = step is not None and step.asked_by != AskedBy.NOBODY
    return NextStep(
        " ".join(filter(None, sentences)),
        step.expected_by if step else case.deadline_at if needs_network else None,
        AskedBy.PROVIDERS_IN_PART if is_asked else AskedBy.NOBODY,
        needs_network,
    )


def _describe_unasked(engines: Sequence[str]) -> str:
    if not engines:
        return ""
    return (
        f"Nobody can ask {join_names(engines)} to remove the label: no provider that is set up here does, "
        "and no desk that is known here reviews it."
    )


def _get_first_step(by_state: Mapping[str, Sequence[Submission]], case: Case, now: datetime) -> NextStep | None:
    is_late = case.expected_by is not None and case.expected_by < now
    has_ended = any(by_state.get(state) for state in _ENDED_STATES)
    for state, template in _SENTENCE_BY_SUBMISSION_STATE:
        if not (submissions := by_state.get(state)):
            continue
        sentence = template.format(names=join_names([submission.engine.name_in_sentence for submission in submissions]))
        if state in _ENDED_STATES:
            return NextStep(sentence, None)
        if state == Submission.State.WAITING:
            reasons = (submission.reason for submission in submissions if submission.reason)
            sentence = " ".join(dict.fromkeys([sentence, *reasons]))
        asked_by = AskedBy.PROVIDERS_IN_PART if has_ended else AskedBy.PROVIDERS
        if state == Submission.State.AGEING:
            expected = filter(None, (submission.expected_by for submission in submissions))
            return NextStep(sentence, max(expected, default=case.expected_by), asked_by)
        if is_late:
            return NextStep(f"{sentence} This is late.", case.deadline_at, asked_by)
        return NextStep(sentence, case.expected_by, asked_by)
    return None
