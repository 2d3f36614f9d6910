"""What happens next in a case, in words, and the text of a support ticket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from portal.phone.numbers import format_national
from reputation.models import Case, Submission, Tag
from reputation.remediation.cases import State, SubmissionState


@dataclass(frozen=True)
class NextStep:
    """What happens next in a case, as a sentence, and by when (None: nothing more will)."""

    sentence: str
    by: datetime | None


def get_next_step(case: Case, now: datetime) -> NextStep:
    """For the page and the API; one query."""
    if not case.is_unfinished:
        return NextStep(_SENTENCE_BY_CLOSED_STATE[case.state], None)
    standing_tags = Tag.objects.standing().filter(case=OuterRef("case"), engine=OuterRef("engine"))
    submissions = case.submissions.filter(Exists(standing_tags)).select_related("engine").order_by("engine__name")
    by_state: dict[str, list[Submission]] = defaultdict(list)
    for submission in submissions:
        by_state[submission.state].append(submission)
    late = case.expected_by is not None and case.expected_by < now
    for state, sentence in _SENTENCE_BY_SUBMISSION_STATE:
        if found := by_state.get(state):
            said = sentence.format(names=join_names([one.engine.name for one in found]))
            if state == SubmissionState.AGEING:
                return NextStep(said, max(filter(None, (one.expected_by for one in found)), default=case.expected_by))
            if state == SubmissionState.WAITING:
                said = " ".join(dict.fromkeys([said, *(one.reason for one in found if one.reason)]))
            return NextStep(f"{said} This is late." if late else said, case.deadline_at if late else case.expected_by)
    return NextStep("The engines are asked to remove the label.", case.expected_by)


# The first that applies: what is furthest from done decides.
_SENTENCE_BY_SUBMISSION_STATE = (
    (SubmissionState.WAITING, "The request to remove the label goes to {names}."),
    (
        SubmissionState.DISPUTED,
        "Decision of the dispute by {names}, which may take up to a week. Nothing to do for you.",
    ),
    (SubmissionState.IN_REVIEW, "Answer of {names}, usually within 1 to 2 days. Nothing to do for you."),
    (SubmissionState.SUBMITTED, "Review by {names}, which usually takes 1 to 2 days. Nothing to do for you."),
    (SubmissionState.DONE, "A look-up has to bear out that {names} removed the label."),
    (SubmissionState.AGEING, "The complaints age out, and the label of {names} goes with them. Nothing to do for you."),
    (SubmissionState.REFUSED, "The label of {names} stays, since the request was refused."),
)


_SENTENCE_BY_CLOSED_STATE = {
    State.CLEARED: "The label is gone. Nothing more to do.",
    State.FAILED: "The label could not be removed. A support ticket may.",
    State.CANCELLED: "The case was cancelled. Nothing more will happen.",
}


def get_ticket_text(case: Case) -> str:
    """The prepared text of a support ticket: all that support needs to know, in plain text; two queries."""
    tags = case.tags.select_related("engine").order_by("detected_at", "pk")
    submissions = case.submissions.select_related("engine").order_by("engine__name")
    lines = [
        f"Please help to remove a spam label from {format_national(case.number.e164)} ({case.number.e164}).",
        "",
        f"Account: {case.account} (number {case.account_id})",
        f"Case: {case.pk}, opened {_format_time(case.opened_at)}, failed {_format_time(case.closed_at)}",
        f"Why it failed: {case.outcome}",
        *([f"Tagged before: case {case.former_id}"] if case.former_id else []),
        "",
        "Labels:",
        *(
            f'- {tag.engine}: "{tag.label or "spam"}", since {_format_time(tag.detected_at)}'
            + (f", gone since {_format_time(tag.ended_at)}" if tag.ended_at else "")
            for tag in tags
        ),
        "",
        "What was tried:",
        *(
            f"- {one.engine}: {one.get_state_display().lower()}; reference {one.reference or 'none'}; "
            f"sent {_format_time(one.sent_at)}, answered {_format_time(one.answered_at)}"
            + (f". It said: {one.reason}" if one.reason else "")
            for one in submissions
        ),
    ]
    return "\n".join(lines)


def join_names(names: Sequence[str]) -> str:
    """Hiya, TNS and First Orion."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _format_time(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y %H:%M} UTC" if moment else "not yet"
