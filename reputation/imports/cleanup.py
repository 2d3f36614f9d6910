"""Expiring imports that nobody confirmed, and deleting staged rows and files."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from portal.db.in_list import in_list
from reputation.imports import pipeline, progress
from reputation.models import ImportRow, NumberImport
from reputation.service_clock import days

State = NumberImport.State

ROWS_PER_CHUNK = 5_000


def get_retention() -> timedelta:
    """How long an unconfirmed preview, and the refused lines of a finished import, are kept: seven days.

    At least an hour, because a person reads them, however short a day of the service's clock is.
    """
    return max(days(7), timedelta(hours=1))


def clean_up(*, now: datetime) -> int:
    """Do one chunk: expire unconfirmed imports, or delete staged rows. Return how many, 0 if nothing is left to do."""
    return _expire(now) or _delete_files() or _delete_rows(now)


def _expire(now: datetime) -> int:
    stale = NumberImport.objects.filter(
        state__in=NumberImport.UNCONFIRMED, has_rows=True, received_at__lte=now - get_retention()
    )
    return sum(pipeline.expire(batch, now=now) for batch in stale[:20])


def _delete_files() -> int:
    """Delete the files of imports that are confirmed or have ended, if a killed process left them."""
    left = NumberImport.objects.filter(has_rows=True).exclude(state__in=NumberImport.UNCONFIRMED)
    batches = list(left.filter(Q(file__gt="") | Q(table_file__gt=""))[:20])
    for batch in batches:
        progress.delete_files(batch)
    return len(batches)


def _delete_rows(now: datetime) -> int:
    ended = NumberImport.objects.filter(has_rows=True)
    batch = (
        ended.filter(state__in=(State.CANCELLED, State.EXPIRED, State.FAILED, State.STOPPED)).first()
        or ended.filter(state=State.DONE, ended_at__lte=now - get_retention()).first()
    )
    if batch is None:
        return 0
    ids = list(batch.rows.order_by("line").values_list("pk", flat=True)[:ROWS_PER_CHUNK])
    ImportRow.objects.filter(pk__in=in_list(ids)).delete()
    if len(ids) < ROWS_PER_CHUNK:
        NumberImport.objects.filter(pk=batch.pk).update(has_rows=False)
    return max(len(ids), 1)
