"""Cases: opened by a tag, submitted, reviewed, disputed, cleared, failed or cancelled.

The one place where a case's state changes; `advancing` holds the sweeps that ask the engines.
Each function takes the ids of a chunk of cases or numbers, moves those that may be moved, writes an audit event for
each in the same transaction, and returns the ids it moved: twice, or by two workers at once, nothing is moved twice.
An engine's answer is a claim: a case is cleared when a look-up no longer finds the label, and never by an answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Case as When_
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Concat, Greatest

from portal import audit
from portal.among import among
from portal.audit import SYSTEM, Actor
from portal.inserting import insert_from
from portal.numbers import national
from reputation import standing
from reputation.clock import days
from reputation.models import Case, PhoneNumber, Submission, Tag

State = Case.State
Sub = Submission.State

# In days of the service's clock: the specification's "usually 1 to 2 days, but may take up to 1 week".
USUALLY = 2
AT_MOST = 7

# to: from which. The whole lifecycle. Beyond the course open, submitted, in review, (disputed,) cleared or failed:
# a label may be gone before it was submitted (open to cleared), and a case whose engines could not be reached in time
# fails as any other (open to failed).
TRANSITIONS: dict[str, tuple[str, ...]] = {
    State.SUBMITTED: (State.OPEN,),
    State.IN_REVIEW: (State.SUBMITTED,),
    State.DISPUTED: (State.IN_REVIEW,),
    State.CLEARED: Case.UNFINISHED,
    State.FAILED: Case.UNFINISHED,
    State.CANCELLED: Case.UNFINISHED,
}

# Opening and closing -------------------------------------------------------------------------------------------------


def open(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Takes up the standing tags of these numbers that belong to no case yet; returns the cases that were opened.

    A number without an unfinished case gets one, which names its former case if it was tagged before; on a number
    with an unfinished case, the new tag joins it.
    """
    with transaction.atomic():
        untreated = Tag.objects.standing().filter(number__in=among(number_ids), case__isnull=True)
        unfinished = Case.objects.unfinished().filter(number=OuterRef("pk"))
        opening = PhoneNumber.objects.filter(pk__in=untreated.values("number")).filter(~Exists(unfinished))
        ids = list(opening.order_by("pk").values_list("pk", flat=True))
        former = Case.objects.filter(number=OuterRef("pk"), state__in=(State.CLEARED, State.FAILED))
        if ids:
            insert_from(
                Case,
                PhoneNumber.objects.filter(pk__in=among(ids)),
                account_id="account_id",
                number_id="pk",
                state=Value(State.OPEN),
                state_since=Value(now),
                opened_at=Value(now),
                expected_by=Value(now + days(USUALLY)),
                deadline_at=Value(now + days(AT_MOST)),
                former_id=Subquery(former.order_by("-opened_at", "-pk").values("pk")[:1]),
                outcome=Value(""),
                ticket_reference=Value(""),
                next_action_at=Value(now),
                lease_token=Value(""),
                attempts=Value(0),
            )
        opened = Case.objects.unfinished().filter(number__in=among(ids))
        audit.record_changes(
            opened,
            actor=SYSTEM,
            now=now,
            what="case.opened",
            label=F("number__e164"),
            after=Value(str(State.OPEN)),
            reason=When_(
                When(
                    former__isnull=False,
                    then=Concat(Value("Tagged again, after case "), Cast("former_id", CharField())),
                ),
                default=Value(""),
                output_field=CharField(),
            ),
        )
        _join(untreated, number_ids, opened_now=ids, now=now)
    return list(opened.values_list("pk", flat=True))


def _join(untreated: QuerySet[Tag], number_ids: Sequence[int], *, opened_now: Sequence[int], now: datetime) -> None:
    """Each untreated tag belongs to its number's unfinished case, and its engine is to be asked."""
    joined = list(
        Case.objects.unfinished()
        .filter(number__in=untreated.values("number"))
        .exclude(number__in=among(opened_now))
        .values_list("pk", flat=True)
    )
    case_of_number = Case.objects.unfinished().filter(number=OuterRef("number")).values("pk")[:1]
    tags = list(untreated.values_list("pk", flat=True))
    treated = Tag.objects.filter(pk__in=among(tags))
    treated.update(case_id=Subquery(case_of_number))
    again = Submission.objects.filter(
        Exists(treated.filter(case=OuterRef("case"), engine=OuterRef("engine"))), case__number__in=among(number_ids)
    )
    again.update(
        state=Sub.WAITING,
        times=F("times") + 1,
        reference="",
        reason="",
        sent_at=None,
        expected_by=None,
        answered_at=None,
        next_action_at=now,
    )
    insert_from(
        Submission,
        treated.filter(case__isnull=False),
        ignore_conflicts=True,
        case_id="case_id",
        engine_id="engine_id",
        state=Value(Sub.WAITING),
        reference=Value(""),
        reason=Value(""),
        times=Value(1),
        next_action_at=Value(now),
    )
    joining = Case.objects.filter(pk__in=among(joined))
    audit.record_changes(
        joining,
        actor=SYSTEM,
        now=now,
        what="case.joined",
        label=F("number__e164"),
        before=F("state"),
        after=F("state"),
        reason=Value("Another engine tagged the number."),
    )
    joining.update(
        next_action_at=now,
        lease_token="",
        expected_by=Greatest("expected_by", Value(now + days(USUALLY))),
        deadline_at=Greatest("deadline_at", Value(now + days(AT_MOST))),
    )


def close_without_tags(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """After labels of these numbers ended: what their engines still owe an answer to is moot, and an unfinished case
    without any label left ends. It is cleared, or, where its last label only ended because its engine is no longer
    asked, cancelled. Returns those that were cleared."""
    with transaction.atomic():
        of_engine = Tag.objects.standing().filter(case=OuterRef("case"), engine=OuterRef("engine"))
        owed = Submission.objects.filter(case__number__in=among(number_ids), case__state__in=Case.UNFINISHED)
        owed = owed.filter(~Exists(of_engine), state__in=(Sub.WAITING, *Submission.UNANSWERED))
        owed.update(state=Sub.MOOT, next_action_at=None)
        tags = Tag.objects.filter(case=OuterRef("pk"))
        gone = Case.objects.unfinished().filter(~Exists(tags.standing()), number__in=among(number_ids))
        unwatched = Exists(tags.filter(ended_because=Tag.Ended.NOT_MONITORED))
        cancelled = list(gone.filter(unwatched).values_list("pk", flat=True))
        cleared = list(gone.exclude(unwatched).values_list("pk", flat=True))
        _cancel(cancelled, actor=SYSTEM, now=now, reason="The engine is no longer asked.")
        return clear(cleared, now=now)


def clear(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    """A look-up no longer found any label."""
    return _move(case_ids, to=State.CLEARED, now=now, reason="A look-up no longer found the label.")


def cancel(number_ids: Sequence[int], *, actor: Actor, now: datetime, reason: str) -> list[int]:
    """Cancels the unfinished cases of these numbers; the sweep then tells the engines. Returns those cancelled."""
    unfinished = Case.objects.unfinished().filter(number__in=among(number_ids))
    return _cancel(list(unfinished.values_list("pk", flat=True)), actor=actor, now=now, reason=reason)


def _cancel(case_ids: Sequence[int], *, actor: Actor, now: datetime, reason: str) -> list[int]:
    with transaction.atomic():
        moved = _move(case_ids, to=State.CANCELLED, now=now, actor=actor, reason=reason)
        open_ones = Submission.objects.filter(case__in=among(moved), state__in=(Sub.WAITING, *Submission.UNANSWERED))
        open_ones.exclude(reference="").update(state=Sub.WITHDRAWING, next_action_at=now)
        open_ones.filter(reference="").update(state=Sub.WITHDRAWN, next_action_at=None)
    return moved


# Moving on -----------------------------------------------------------------------------------------------------------


def submit(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _move(case_ids, to=State.SUBMITTED, now=now)


def review(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _move(case_ids, to=State.IN_REVIEW, now=now)


def dispute(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    """An engine disputes the request: up to a week from now."""
    with transaction.atomic():
        moved = _move(case_ids, to=State.DISPUTED, now=now)
        until = now + days(AT_MOST)
        Case.objects.filter(pk__in=among(moved)).update(expected_by=until, deadline_at=until)
    return moved


def fail(case_ids: Sequence[int], *, now: datetime, reason: str) -> list[int]:
    """The label stays: the account is offered a support ticket."""
    return _move(case_ids, to=State.FAILED, now=now, reason=reason)


def _move(case_ids: Sequence[int], *, to: str, now: datetime, actor: Actor = SYSTEM, reason: str = "") -> list[int]:
    """The transition itself, and the numbers' standing with it."""
    if not case_ids:
        return []
    with transaction.atomic():
        movable = (
            Case.objects.filter(pk__in=among(case_ids), state__in=TRANSITIONS[to]).select_for_update().order_by("pk")
        )
        moved = dict(movable.values_list("pk", "number_id"))
        cases = Case.objects.filter(pk__in=among(moved))
        audit.record_changes(
            cases,
            actor=actor,
            now=now,
            what=f"case.{to}",
            label=F("number__e164"),
            before=F("state"),
            after=Value(str(to)),
            reason=Value(reason[:300]),
        )
        ended = {} if to in Case.UNFINISHED else {"closed_at": now, "outcome": reason[:300], "next_action_at": None}
        cases.update(state=to, state_since=now, **({"lease_token": "", "lease_until": None, **ended} if ended else {}))
        standing.recompute(list(moved.values()))
    return list(moved)


# What a page says ----------------------------------------------------------------------------------------------------


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


def record_ticket(case: Case, *, reference: str, actor: Actor, now: datetime) -> bool:
    """Notes the reference that support gave the ticket of a failed case. False, and nothing is noted, if the case did
    not fail."""
    reference = reference.strip()[:80]
    with transaction.atomic():
        failed = Case.objects.select_for_update().filter(pk=case.pk, state=State.FAILED)
        former = failed.values_list("ticket_reference", flat=True).first()
        if former is None:
            return False
        failed.update(ticket_reference=reference, ticket_opened_at=now)
        audit.record_changes(
            Case.objects.filter(pk=case.pk),
            actor=actor,
            now=now,
            what="case.ticket",
            label=F("number__e164"),
            before=Value(former),
            after=Value(reference),
        )
    case.ticket_reference, case.ticket_opened_at = reference, now
    return True


def listed(names: Sequence[str]) -> str:
    """Hiya, TNS and First Orion."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _when(moment: datetime | None) -> str:
    return f"{moment:%d %b %Y %H:%M} UTC" if moment else "not yet"
