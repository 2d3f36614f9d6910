"""Deletion of what is not needed for long: photos of labels, and called numbers, which are those of people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.db.in_list import in_list
from reputation.models import ControlCall, LabelPhoto, LabelReport, Telephone, TestCall

CHUNK = 2_000
PHOTOS_CHUNK = 500


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


def delete_old_photos(now: datetime) -> int:
    """Deletes one chunk of photos, files included. The files go once the rows are gone.

    After `photo_kept_days`, and after `photo_unused_hours` those that belong to no result and no report: somebody sent
    the photo first and never the rest, or took the result back.
    """
    config = settings.TEST_CALLS
    is_used = Exists(TestCall.objects.filter(photo=OuterRef("pk"))) | Exists(
        LabelReport.objects.filter(photo=OuterRef("pk"))
    )
    old = LabelPhoto.objects.filter(
        Q(created_at__lt=now - timedelta(days=config.photo_kept_days)) | ~is_used,
        created_at__lt=now - timedelta(hours=config.photo_unused_hours),
    )
    photos = list(old.order_by("pk")[:PHOTOS_CHUNK])
    with transaction.atomic():
        LabelPhoto.objects.filter(pk__in=in_list(photo.pk for photo in photos)).delete()
        transaction.on_commit(partial(_delete_files, photos))
    return len(photos)


def _delete_files(photos: Sequence[LabelPhoto]) -> None:
    for photo in photos:
        photo.file.delete(save=False)
