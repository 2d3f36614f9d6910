"""Deletion of called numbers: they are the telephone numbers of people, and are not needed for long."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from portal.db.in_list import in_list
from reputation.models import ControlCall, LabelReport, Telephone

CHUNK = 2_000


def delete_called_numbers(now: datetime) -> int:
    """Deletes one chunk of numbers after `called_kept_days`: of reports, control calls and removed telephones.

    The rest of the rows is kept. A telephone that is in use keeps its number.
    """
    oldest = now - timedelta(days=settings.TEST_CALLS.called_kept_days)
    return (
        _clear(LabelReport.objects.filter(reported_at__lt=oldest).exclude(called_e164=""), "called_e164")
        + _clear(ControlCall.objects.filter(rang_at__lt=oldest).exclude(e164=""), "e164")
        + _clear(Telephone.objects.filter(removed_at__lt=oldest).exclude(e164=""), "e164")
    )


def _clear(rows: QuerySet, field: str) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return rows.model._base_manager.filter(pk__in=in_list(ids)).update(**{field: ""})
