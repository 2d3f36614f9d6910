"""The lifecycle of a number's capability: off, verifying, on, failed.

This is the only module that changes it. Each function takes the ids of one account's numbers (a chunk of at most
CHUNK), moves those whose state allows it, writes an audit event for each, and returns the ids it moved. A repeated or
concurrent call moves nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED
from reputation.models import Check, PhoneNumber, Registration, Tag
from reputation.monitoring import engines
from reputation.numbers import spam_status
from reputation.remediation import cases, opening
from reputation.service_clock import days

CHUNK = 10_000
# A number whose verification takes longer has failed. Days of the service's clock.
VERIFICATION_DEADLINE_DAYS = 7
# So long after monitoring of a labelled number ended, the portal asks what to do with the number.
DECISION_DAYS = 30

Capability = PhoneNumber.Capability

# The whole lifecycle: for each state, the states from which it can be reached.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    Capability.VERIFYING: (Capability.OFF, Capability.FAILED),
    Capability.ON: (Capability.VERIFYING,),
    Capability.FAILED: (Capability.VERIFYING,),
    Capability.OFF: (Capability.VERIFYING, Capability.ON, Capability.FAILED),
}


def enable(ids: Sequence[int], *, context: Context) -> list[int]:
    """Starts the verification: registers the numbers with every engine for which a provider registers.

    Numbers that there is nobody to register with are on at once. Does not check the numbers' eligibility.
    """
    with transaction.atomic(savepoint=False):
        moved = _transition(
            ids, to=Capability.VERIFYING, context=context, next_action_at=context.now + days(VERIFICATION_DEADLINE_DAYS)
        )
        Registration.objects.filter(number__in=in_list(moved)).delete()
        # Each number is registered with the same engines, so none is if the first is not.
        if moved and not engines.register_numbers(moved, now=context.now):
            accept(moved, context=context)
    return moved


def accept(ids: Sequence[int], *, context: Context) -> list[int]:
    """Every engine that had to accept the numbers did. They are monitored from now on, and looked up at once.

    A label that was seen while they were not monitored gets its case.
    """
    with transaction.atomic(savepoint=False):
        moved = _transition(ids, to=Capability.ON, context=context, next_action_at=context.now)
        unanswered = Registration.objects.filter(number__in=in_list(moved), state__in=Registration.UNANSWERED)
        unanswered.update(state=Registration.State.ACCEPTED, answered_at=context.now, next_action_at=None, **RELEASED)
        opening.open_cases(moved, now=context.now)
        spam_status.recompute(moved, now=context.now)
    return moved


def fail(ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    """The verification failed. The reason is shown under Capability, and the numbers may be enabled again."""
    with transaction.atomic(savepoint=False):
        moved = _transition(ids, to=Capability.FAILED, context=context, next_action_at=None, reason=reason)
        _withdraw_registrations(moved, now=context.now)
    return moved


def disable(ids: Sequence[int], *, context: Context, reason: str = "") -> list[int]:
    """Stops monitoring and remediation: cancels open cases and withdraws registrations. The history is kept.

    Active tags end as *not monitored*: without look-ups, nobody knows whether the labels are still shown. Their numbers
    were *labelled when last seen*, and matching skips them until they are released or found clean.
    """
    with transaction.atomic(savepoint=False):
        moved = _transition(ids, to=Capability.OFF, context=context, next_action_at=None, reason=reason)
        _withdraw_registrations(moved, now=context.now)
        Tag.objects.active().filter(number__in=in_list(moved)).update(
            ended_at=context.now,
            end_reason=Tag.EndReason.NOT_MONITORED,
            last_seen_at=Coalesce("last_seen_at", "detected_at"),
        )
        Check.objects.filter(number__in=in_list(moved), is_current=True).update(is_current=False)
        cases.cancel_for_numbers(moved, context=context, reason=reason or "Monitoring was switched off.")
    return moved


def _withdraw_registrations(ids: Sequence[int], *, now: datetime) -> None:
    """Lets the next sweep withdraw the registrations from their engines; those that never reached one end at once."""
    registrations = Registration.objects.filter(number__in=in_list(ids))
    sent = registrations.filter(state__in=(Registration.State.PENDING, Registration.State.ACCEPTED))
    sent.exclude(reference="").update(state=Registration.State.WITHDRAWING, next_action_at=now, **RELEASED)
    sent.filter(reference="").update(state=Registration.State.WITHDRAWN, next_action_at=None, **RELEASED)
    waiting = registrations.filter(state=Registration.State.WAITING)
    waiting.update(state=Registration.State.WITHDRAWN, next_action_at=None, **RELEASED)


def _transition(
    ids: Iterable[int], *, to: Capability, context: Context, next_action_at: datetime | None, reason: str = ""
) -> list[int]:
    """Moves the numbers. Locks them with the audit events, so that the update affects the same rows."""
    moved = audit.record_changes(
        PhoneNumber.objects.filter(pk__in=in_list(ids), capability__in=TRANSITIONS[to]),
        context=context,
        code=f"capability.{to}",
        label="e164",
        before=F("capability"),
        after=Value(str(to)),
        reason=Value(reason[:300]),
        lock=True,
    )
    PhoneNumber.objects.filter(pk__in=in_list(moved)).update(
        capability=to,
        capability_since=context.now,
        capability_reason=reason[:300],
        next_action_at=next_action_at,
        attempts=0,
        lookup_round_started_at=None,
        **RELEASED,
        **(_spam_status_without_monitoring(context.now) if to in (Capability.OFF, Capability.FAILED) else {}),
    )
    return moved


def _spam_status_without_monitoring(now: datetime) -> dict[str, Any]:
    """The columns of the spam status once nobody looks the number up any more: a label that was seen is not forgotten.

    *Verifying* leaves them as they are, and *on* computes them anew.
    """
    has_tag = Exists(Tag.objects.active().filter(number=OuterRef("pk")))
    was_labelled = Q(has_tag) | Q(decision_due_at__isnull=False)
    return {
        "spam_status": Case(
            When(was_labelled, then=Value(PhoneNumber.SpamStatus.LAST_SEEN)),
            default=Value(PhoneNumber.SpamStatus.NOT_MONITORED),
        ),
        "decision_due_at": Case(When(has_tag, then=Value(now + days(DECISION_DAYS))), default=F("decision_due_at")),
        "tagged_since": None,
        "fresh_until": None,
        "at_risk_since": None,
        "at_risk_until": None,
    }
