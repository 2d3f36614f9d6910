"""What happens next in a case, in words, and the text of a support ticket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from portal.phone.numbers import national
from reputation.models import Case, Submission, Tag
from reputation.remediation.cases import State, Sub


@dataclass(frozen=True)
class WhatNext:
    """What happens next in a case, as a sentence, and by when (None: nothing more will)."""

    sentence: str
    by: datetime | None


def what_next(case: Case, now: datetime) -> WhatNext:
    """For the page and the API; one query."""
    if not case.is_unfinished:
        return WhatNext(_ENDED[case.state], None)
    standing_tags = Tag.objects.standing().filter(case=OuterRef("case"), engine=OuterRef("engine"))
    submissions = case.submissions.filter(Exists(standing_tags)).select_related("engine").order_by("engine__name")
    by_state: dict[str, list[Submission]] = defaultdict(list)
    for submission in submissions:
        by_state[submission.state].append(submission)
    late = case.expected_by is not None and case.expected_by < now
    for state, sentence in _NEXT:
        if found := by_state.get(state):
            said = sentence.format(names=listed([one.engine.name for one in found]))
            if state == Sub.AGEING:
                return WhatNext(said, max(filter(None, (one.expected_by for one in found)), default=case.expected_by))
            if state == Sub.WAITING:
                said = " ".join(dict.fromkeys([said, *(one.reason for one in found if one.reason)]))
            return WhatNext(f"{said} This is late." if late else said, case.deadline_at if late else case.expected_by)
    return WhatNext("The engines are asked to remove the label.", case.expected_by)


# The first that applies: what is furthest from done decides.
_NEXT = (
    (Sub.WAITING, "The request to remove the label goes to {names}."),
    (Sub.DISPUTED, "Decision of the dispute by {names}, which may take up to a week. Nothing to do for you."),
    (Sub.IN_REVIEW, "Answer of {names}, usually within 1 to 2 days. Nothing to do for you."),
    (Sub.SUBMITTED, "Review by {names}, which usually takes 1 to 2 days. Nothing to do for you."),
    (Sub.DONE, "A look-up has to bear out that {names} removed the label."),
    (Sub.AGEING, "The complaints age out, and the label of {names} goes with them. Nothing to do for you."),
    (Sub.REFUSED, "The label of {names} stays, since the request was refused."),
)


_ENDED = {
    State.CLEARED: "The label is gone. Nothing more to do.",
    State.FAILED: "The label could not be removed. A support ticket may.",
    State.CANCELLED: "The case was cancelled. Nothing more will happen.",
}


def open_ticket_text(case: Case) -> str:
    """The prepared text of a support ticket: all that support needs to know, in plain text; two queries."""
    tags = case.tags.select_related("engine").order_by("detected_at", "pk")
    submissions = case.submissions.select_related("engine").order_by("engine__name")
    lines = [
        f"Please help to remove a spam label from {national(case.number.e164)} ({case.number.e164}).",
        "",
        f"Account: {case.account} (number {case.account_id})",
        f"Case: {case.pk}, opened {_when(case.opened_at)}, failed {_when(case.closed_at)}",
        f"Why it failed: {case.outcome}",
        *([f"Tagged before: case {case.former_id}"] if case.former_id else []),
        "",
        "Labels:",
        *(
            f'- {tag.engine}: "{tag.label or "spam"}", since {_when(tag.detected_at)}'
            + (f", gone since {_when(tag.ended_at)}" if tag.ended_at else "")
            for tag in tags
        ),
        "",
        "What was tried:",
        *(
            f"- {one.engine}: {one.get_state_display().lower()}; reference {one.reference or 'none'}; "
            f"sent {_when(one.sent_at)}, answered {_when(one.answered_at)}"
            + (f". It said: {one.reason}" if one.reason else "")
            for one in submissions
        ),
    ]
    return "\n".join(lines)


def listed(names: Sequence[str]) -> str:
    """Hiya, TNS and First Orion."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _when(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y %H:%M} UTC" if moment else "not yet"
