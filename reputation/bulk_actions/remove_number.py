"""Removing a number from a confirmation window with its X."""

from __future__ import annotations

from django.db import transaction

from reputation.bulk_actions.snapshot import NO_FREE_SEAT
from reputation.models import BulkAction, BulkActionNumber

Outcome = BulkActionNumber.Outcome


def remove_number(bulk_action: BulkAction, number_id: int) -> bool:
    """Remove a number from a window, and give its seat to the next. False if the window was confirmed already."""
    with transaction.atomic():
        ready = BulkAction.objects.filter(pk=bulk_action.pk, state=BulkAction.State.READY)
        locked = ready.select_for_update().first()
        if locked is None:
            return False
        row = locked.numbers.filter(number=number_id, outcome=Outcome.PENDING).first()
        if row is None:
            return True
        locked.numbers.filter(number=number_id).update(outcome=Outcome.REMOVED)
        locked.add_refused(row.refusal, -1)
        if row.needs_seat and not row.refusal:
            _give_seat_to_next(locked)
        locked.save(update_fields=["refusal_counts"])
        bulk_action.refusal_counts = locked.refusal_counts
    return True


def _give_seat_to_next(bulk_action: BulkAction) -> None:
    if not bulk_action.refusal_counts.get(NO_FREE_SEAT):
        return
    waiting = bulk_action.numbers.filter(refusal=NO_FREE_SEAT, outcome=Outcome.PENDING).order_by("number")
    next_id = waiting.values_list("number", flat=True)[:1].get()
    bulk_action.numbers.filter(number=next_id).update(refusal="")
    bulk_action.add_refused(NO_FREE_SEAT, -1)
    bulk_action.add_refused("", 1)
