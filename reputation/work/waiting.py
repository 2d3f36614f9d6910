"""Since when a file or a window waits for workers, for the pages that show its progress."""

from __future__ import annotations

from datetime import datetime, timedelta

from reputation.models import BulkAction, NumberImport

# A page says nothing of a shorter wait: workers are at something else, and come.
SILENT_FOR = timedelta(seconds=15)


def get_waiting_since(work: NumberImport | BulkAction, now: datetime) -> datetime | None:
    """When the last worker let go of it, or died. None if one is at it, will be in a moment, or has nothing to do."""
    if isinstance(work, NumberImport):
        is_unfinished, begun_at = work.is_in_progress, work.received_at
    else:
        is_unfinished = work.state in (BulkAction.State.PREPARING, BulkAction.State.APPLYING)
        begun_at = work.created_at
    moments = (begun_at, work.confirmed_at, work.waiting_since, work.lease_until)
    since = max(moment for moment in moments if moment)
    return since if is_unfinished and since <= now - SILENT_FOR else None
