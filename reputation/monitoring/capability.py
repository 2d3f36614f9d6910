"""What the service does for a number: off, verifying, on, failed. The one place where this changes.

Each function takes the ids of one account's numbers (a chunk: at most CHUNK), moves those that may be moved, writes
an audit event for each, and returns the ids it moved. Called twice, or by two workers at once, it moves nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Value

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Check, PhoneNumber, Registration, Tag
from reputation.monitoring import engines
from reputation.numbers import spam_status
from reputation.remediation import cases as remediation
from reputation.service_clock import days

CHUNK = 10_000
# Days in which every engine has to answer; a number that one of them leaves without an answer has failed.
VERIFICATION_DEADLINE_DAYS = 7

Capability = PhoneNumber.Capability

# How a number stands is known only of one that is on, and then from what engines say (standing). Not written where a
# number was off before: each of these columns is in several indexes.
NOT_MONITORED_FIELDS = {"spam_status": PhoneNumber.SpamStatus.NOT_MONITORED, "tagged_since": None, "fresh_until": None}

# to: from which. The whole lifecycle.
TRANSITIONS: dict[str, tuple[str, ...]] = {
    Capability.VERIFYING: (Capability.OFF, Capability.FAILED),
    Capability.ON: (Capability.VERIFYING,),
    Capability.FAILED: (Capability.VERIFYING,),
    Capability.OFF: (Capability.VERIFYING, Capability.ON, Capability.FAILED),
}


def enable(ids: Sequence[int], *, context: Context) -> list[int]:
    """Begins the verification: every engine in use is to be asked to take the number on.

    Whether a number may be enabled is eligibility's to say; this only moves the state.
    """
    with transaction.atomic(savepoint=False):
        moved = _transition(
            ids, to=Capability.VERIFYING, context=context, next_action_at=context.now + days(VERIFICATION_DEADLINE_DAYS)
        )
        Registration.objects.filter(number__in=in_list(moved)).delete()
        engines.register_numbers(moved, now=context.now)
    return moved


def accept(ids: Sequence[int], *, context: Context) -> list[int]:
    """Every engine took the number on: it is monitored, and looked up at once."""
    with transaction.atomic(savepoint=False):
        moved = _transition(ids, to=Capability.ON, context=context, next_action_at=context.now)
        unanswered = Registration.objects.filter(number__in=in_list(moved), state__in=Registration.UNANSWERED)
        unanswered.update(
            state=Registration.State.ACCEPTED, answered_at=context.now, next_action_at=None, lease_token=""
        )
        spam_status.recompute(moved)
    return moved


def fail(ids: Sequence[int], *, context: Context, reason: str) -> list[int]:
    """An engine refused the number; the reason is shown under Capability, and it may be enabled again."""
    with transaction.atomic(savepoint=False):
        moved = _transition(ids, to=Capability.FAILED, context=context, next_action_at=None, reason=reason)
        _withdraw_registrations(moved, now=context.now)
    return moved


def disable(ids: Sequence[int], *, context: Context, reason: str = "") -> list[int]:
    """Stops monitoring and remediation: open cases are cancelled and the engines told; the history stays.

    Standing tags end as *not monitored*: nobody watches them any more, so nobody may say that they stand.
    """
    with transaction.atomic(savepoint=False):
        moved = _transition(ids, to=Capability.OFF, context=context, next_action_at=None, reason=reason)
        _withdraw_registrations(moved, now=context.now)
        remediation.cancel(moved, context=context, reason=reason or "Monitoring was switched off.")
        Tag.objects.standing().filter(number__in=in_list(moved)).update(
            ended_at=context.now, ended_because=Tag.Ended.NOT_MONITORED
        )
        Check.objects.filter(number__in=in_list(moved), is_current=True).update(is_current=False)
    return moved


def _withdraw_registrations(ids: Sequence[int], *, now: datetime) -> None:
    """The engines that were asked are told that they need not watch these numbers any more; a sweep does it."""
    registrations = Registration.objects.filter(number__in=in_list(ids))
    asked = registrations.filter(state__in=(Registration.State.PENDING, Registration.State.ACCEPTED))
    asked.exclude(reference="").update(state=Registration.State.WITHDRAWING, next_action_at=now, lease_token="")
    asked.filter(reference="").update(state=Registration.State.WITHDRAWN, next_action_at=None, lease_token="")
    waiting = registrations.filter(state=Registration.State.WAITING)
    waiting.update(state=Registration.State.WITHDRAWN, next_action_at=None, lease_token="")


def _transition(
    ids: Iterable[int], *, to: str, context: Context, next_action_at: datetime | None, reason: str = ""
) -> list[int]:
    """The transition itself. Rows are locked first (SQLite: the transaction already holds the write lock), so that
    the event and the update speak of the same rows."""
    movable = PhoneNumber.objects.filter(pk__in=in_list(ids), capability__in=TRANSITIONS[to])
    moved = list(movable.select_for_update().order_by("pk").values_list("pk", flat=True))
    numbers = PhoneNumber.objects.filter(pk__in=in_list(moved))
    audit.record_changes(
        numbers,
        context=context,
        what=f"capability.{to}",
        label="e164",
        before=F("capability"),
        after=Value(str(to)),
        reason=Value(reason[:300]),
    )
    numbers.update(
        capability=to,
        capability_since=context.now,
        capability_reason=reason[:300],
        next_action_at=next_action_at,
        lease_until=None,
        lease_token="",
        attempts=0,
        round_began_at=None,
        **({} if to == Capability.VERIFYING else NOT_MONITORED_FIELDS),
    )
    return moved
