"""Since when work waits for workers, for the pages that show its progress."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from portal.jobs.claims import unclaimed
from reputation.models import BulkAction, NumberImport, Registration

# A page says nothing of a shorter wait: workers are at something else, and come.
SILENT_FOR = timedelta(seconds=15)
# Registrations of all accounts are sent and polled together, chunk by chunk, so one of them has to wait for its turn.
TURN = timedelta(minutes=2)


def get_waiting_since(work: NumberImport | BulkAction | datetime | None, now: datetime) -> datetime | None:
    """When the last worker let go of it, or died. None if one is at it, will be in a moment, or has nothing to do.

    Of registrations, `work` is what find_due_registration returned.
    """
    if work is None or isinstance(work, datetime):
        return work if work and work <= now - TURN else None
    if isinstance(work, NumberImport):
        is_unfinished, begun_at = work.is_in_progress, work.received_at
    else:
        is_unfinished = work.state in (BulkAction.State.PREPARING, BulkAction.State.APPLYING)
        begun_at = work.created_at
    moments = (begun_at, work.confirmed_at, work.waiting_since, work.lease_until)
    since = max(moment for moment in moments if moment)
    return since if is_unfinished and since <= now - SILENT_FOR else None


def find_due_registration(registrations: QuerySet[Registration], now: datetime) -> datetime | None:
    """Since when one of these registrations is to be sent or polled, and no worker does; None if none is. One query."""
    due = registrations.filter(unclaimed(now), state__in=Registration.UNANSWERED, next_action_at__lte=now)
    return due.order_by("next_action_at").values_list("next_action_at", flat=True).first()
