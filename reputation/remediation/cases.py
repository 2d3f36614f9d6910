"""Cases: opened by a tag, submitted, reviewed, disputed, cleared, failed or cancelled.

The one place where a case's state changes; `advancing` holds the sweeps that ask the engines.
Each function takes the ids of a chunk of cases or numbers, moves those that may be moved, writes an audit event for
each in the same transaction, and returns the ids it moved: twice, or by two workers at once, nothing is moved twice.
An engine's answer is a claim: a case is cleared when a look-up no longer finds the label, and never by an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Case as When_
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Concat, Greatest

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_from
from portal.db.in_list import in_list
from reputation.models import Case, PhoneNumber, Submission, Tag
from reputation.numbers import spam_status
from reputation.service_clock import days

State = Case.State
SubmissionState = Submission.State

# In days of the service's clock: the specification's "usually 1 to 2 days, but may take up to 1 week".
USUAL_DAYS = 2
MAX_DAYS = 7

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


def open_cases(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Takes up the standing tags of these numbers that belong to no case yet; returns the cases that were opened.

    A number without an unfinished case gets one, which names its former case if it was tagged before; on a number
    with an unfinished case, the new tag joins it.
    """
    with transaction.atomic():
        untreated = Tag.objects.standing().filter(number__in=in_list(number_ids), case__isnull=True)
        unfinished = Case.objects.unfinished().filter(number=OuterRef("pk"))
        opening = PhoneNumber.objects.filter(pk__in=untreated.values("number")).filter(~Exists(unfinished))
        ids = list(opening.order_by("pk").values_list("pk", flat=True))
        former = Case.objects.filter(number=OuterRef("pk"), state__in=(State.CLEARED, State.FAILED))
        if ids:
            insert_from(
                Case,
                PhoneNumber.objects.filter(pk__in=in_list(ids)),
                account_id="account_id",
                number_id="pk",
                state=Value(State.OPEN),
                state_since=Value(now),
                opened_at=Value(now),
                expected_by=Value(now + days(USUAL_DAYS)),
                deadline_at=Value(now + days(MAX_DAYS)),
                former_id=Subquery(former.order_by("-opened_at", "-pk").values("pk")[:1]),
                outcome=Value(""),
                ticket_reference=Value(""),
                next_action_at=Value(now),
                lease_token=Value(""),
                attempts=Value(0),
            )
        opened = Case.objects.unfinished().filter(number__in=in_list(ids))
        audit.record_changes(
            opened,
            context=Context.system(now),
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
        _assign_tags_to_cases(untreated, number_ids, opened_now=ids, now=now)
    return list(opened.values_list("pk", flat=True))


def _assign_tags_to_cases(
    untreated: QuerySet[Tag], number_ids: Sequence[int], *, opened_now: Sequence[int], now: datetime
) -> None:
    """Each untreated tag belongs to its number's unfinished case, and its engine is to be asked."""
    joined = list(
        Case.objects.unfinished()
        .filter(number__in=untreated.values("number"))
        .exclude(number__in=in_list(opened_now))
        .values_list("pk", flat=True)
    )
    case_of_number = Case.objects.unfinished().filter(number=OuterRef("number")).values("pk")[:1]
    tags = list(untreated.values_list("pk", flat=True))
    treated = Tag.objects.filter(pk__in=in_list(tags))
    treated.update(case_id=Subquery(case_of_number))
    again = Submission.objects.filter(
        Exists(treated.filter(case=OuterRef("case"), engine=OuterRef("engine"))), case__number__in=in_list(number_ids)
    )
    again.update(
        state=SubmissionState.WAITING,
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
        state=Value(SubmissionState.WAITING),
        reference=Value(""),
        reason=Value(""),
        times=Value(1),
        next_action_at=Value(now),
    )
    joining = Case.objects.filter(pk__in=in_list(joined))
    audit.record_changes(
        joining,
        context=Context.system(now),
        what="case.joined",
        label=F("number__e164"),
        before=F("state"),
        after=F("state"),
        reason=Value("Another engine tagged the number."),
    )
    joining.update(
        next_action_at=now,
        lease_token="",
        expected_by=Greatest("expected_by", Value(now + days(USUAL_DAYS))),
        deadline_at=Greatest("deadline_at", Value(now + days(MAX_DAYS))),
    )


def close_without_tags(number_ids: Sequence[int], *, now: datetime) -> list[int]:
    """After labels of these numbers ended: what their engines still owe an answer to is moot, and an unfinished case
    without any label left ends. It is cleared, or, where its last label only ended because its engine is no longer
    asked, cancelled. Returns those that were cleared."""
    with transaction.atomic():
        of_engine = Tag.objects.standing().filter(case=OuterRef("case"), engine=OuterRef("engine"))
        owed = Submission.objects.filter(case__number__in=in_list(number_ids), case__state__in=Case.UNFINISHED)
        owed = owed.filter(~Exists(of_engine), state__in=(SubmissionState.WAITING, *Submission.UNANSWERED))
        owed.update(state=SubmissionState.MOOT, next_action_at=None)
        tags = Tag.objects.filter(case=OuterRef("pk"))
        gone = Case.objects.unfinished().filter(~Exists(tags.standing()), number__in=in_list(number_ids))
        unwatched = Exists(tags.filter(ended_because=Tag.Ended.NOT_MONITORED))
        cancelled = list(gone.filter(unwatched).values_list("pk", flat=True))
        cleared = list(gone.exclude(unwatched).values_list("pk", flat=True))
        _cancel_cases(cancelled, context=Context.system(now), reason="The engine is no longer asked.")
        return clear(cleared, now=now)


def clear(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    """A look-up no longer found any label."""
    return _transition(
        case_ids, to=State.CLEARED, context=Context.system(now), reason="A look-up no longer found the label."
    )


def cancel(number_ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    """Cancels the unfinished cases of these numbers; the sweep then tells the engines. Returns those cancelled."""
    unfinished = Case.objects.unfinished().filter(number__in=in_list(number_ids))
    return _cancel_cases(list(unfinished.values_list("pk", flat=True)), context=context, reason=reason)


def _cancel_cases(case_ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    with transaction.atomic():
        moved = _transition(case_ids, to=State.CANCELLED, context=context, reason=reason)
        open_ones = Submission.objects.filter(
            case__in=in_list(moved), state__in=(SubmissionState.WAITING, *Submission.UNANSWERED)
        )
        open_ones.exclude(reference="").update(state=SubmissionState.WITHDRAWING, next_action_at=context.now)
        open_ones.filter(reference="").update(state=SubmissionState.WITHDRAWN, next_action_at=None)
    return moved


# Moving on -----------------------------------------------------------------------------------------------------------


def mark_submitted(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _transition(case_ids, to=State.SUBMITTED, context=Context.system(now))


def mark_in_review(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    return _transition(case_ids, to=State.IN_REVIEW, context=Context.system(now))


def mark_disputed(case_ids: Sequence[int], *, now: datetime) -> list[int]:
    """An engine disputes the request: up to a week from now."""
    with transaction.atomic():
        moved = _transition(case_ids, to=State.DISPUTED, context=Context.system(now))
        until = now + days(MAX_DAYS)
        Case.objects.filter(pk__in=in_list(moved)).update(expected_by=until, deadline_at=until)
    return moved


def fail(case_ids: Sequence[int], *, now: datetime, reason: str) -> list[int]:
    """The label stays: the account is offered a support ticket."""
    return _transition(case_ids, to=State.FAILED, context=Context.system(now), reason=reason)


def _transition(case_ids: Sequence[int], *, to: str, context: Context, reason: str = "") -> list[int]:
    """The transition itself, and the numbers' standing with it."""
    if not case_ids:
        return []
    with transaction.atomic():
        movable = (
            Case.objects.filter(pk__in=in_list(case_ids), state__in=TRANSITIONS[to]).select_for_update().order_by("pk")
        )
        moved = dict(movable.values_list("pk", "number_id"))
        cases = Case.objects.filter(pk__in=in_list(moved))
        audit.record_changes(
            cases,
            context=context,
            what=f"case.{to}",
            label=F("number__e164"),
            before=F("state"),
            after=Value(str(to)),
            reason=Value(reason[:300]),
        )
        ended = (
            {} if to in Case.UNFINISHED else {"closed_at": context.now, "outcome": reason[:300], "next_action_at": None}
        )
        cases.update(
            state=to, state_since=context.now, **({"lease_token": "", "lease_until": None, **ended} if ended else {})
        )
        spam_status.recompute(list(moved.values()))
    return list(moved)


# What a page says ----------------------------------------------------------------------------------------------------


def record_ticket(case: Case, *, reference: str, context: Context) -> bool:
    """Notes the reference that support gave the ticket of a failed case. False, and nothing is noted, if the case did
    not fail."""
    reference = reference.strip()[:80]
    with transaction.atomic():
        failed = Case.objects.select_for_update().filter(pk=case.pk, state=State.FAILED)
        former = failed.values_list("ticket_reference", flat=True).first()
        if former is None:
            return False
        failed.update(ticket_reference=reference, ticket_opened_at=context.now)
        audit.record_changes(
            Case.objects.filter(pk=case.pk),
            context=context,
            what="case.ticket",
            label=F("number__e164"),
            before=Value(former),
            after=Value(reference),
        )
    case.ticket_reference, case.ticket_opened_at = reference, context.now
    return True
