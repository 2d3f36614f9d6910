"""The next step of a case as a sentence for pages and the API."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from portal.text import join_names
from reputation.models import Case, Submission

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
)

_SENTENCE_BY_CLOSED_STATE: dict[str, str] = {
    Case.State.CLEARED: "The label is gone. Nothing more to do.",
    Case.State.FAILED: "The label could not be removed. A support ticket may.",
    Case.State.CANCELLED: "The case was cancelled. Nothing more will happen.",
}


@dataclass(frozen=True)
class NextStep:
    """What happens next in a case, and when it is expected (None: nothing more happens)."""

    sentence: str
    expected_by: datetime | None


def get_next_step(case: Case, now: datetime) -> NextStep:
    """The next step of the case; one query."""
    if case.ticket_reference:
        return NextStep(f"The label could not be removed. Support ticket {case.ticket_reference} was opened.", None)
    if not case.is_unfinished:
        return NextStep(_SENTENCE_BY_CLOSED_STATE[case.state], None)
    by_state: dict[str, list[Submission]] = defaultdict(list)
    for submission in case.submissions.with_active_tag().select_related("engine").order_by("engine__name"):
        by_state[submission.state].append(submission)
    is_late = case.expected_by is not None and case.expected_by < now
    for state, template in _SENTENCE_BY_SUBMISSION_STATE:
        if not (submissions := by_state.get(state)):
            continue
        sentence = template.format(names=join_names([submission.engine.name for submission in submissions]))
        if state == Submission.State.AGEING:
            expected = filter(None, (submission.expected_by for submission in submissions))
            return NextStep(sentence, max(expected, default=case.expected_by))
        if state == Submission.State.WAITING:
            reasons = (submission.reason for submission in submissions if submission.reason)
            sentence = " ".join(dict.fromkeys([sentence, *reasons]))
        if is_late:
            return NextStep(f"{sentence} This is late.", case.deadline_at)
        return NextStep(sentence, case.expected_by)
    return NextStep("The engines are asked to remove the label.", case.expected_by)
