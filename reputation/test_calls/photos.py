"""Photos of labels: checked, re-encoded without metadata, and stored under the account with a random name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO
from typing import IO

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from PIL import Image, ImageOps, UnidentifiedImageError

from portal.db.in_list import in_list
from portal.models import Account
from reputation.models import LabelPhoto, LabelReport, TestCall

FORMATS = ("JPEG", "PNG", "WEBP")
CHUNK = 500


class PhotoRefused(Exception):
    """The file is no photo that is taken; the message says why."""


def store_photo(account: Account, file: IO[bytes], *, now: datetime) -> LabelPhoto:
    """Stores the photo. Raises PhotoRefused.

    It becomes a JPEG of its pixels alone: no place, time, camera or comment of the original is kept.
    """
    limit = settings.TEST_CALLS.photo_mb * 1024 * 1024
    content = file.read(limit + 1)
    if len(content) > limit:
        raise PhotoRefused(f"The photo is larger than {settings.TEST_CALLS.photo_mb} MB. Send a smaller one.")
    photo = LabelPhoto(account=account, created_at=now)
    photo.file.save("photo.jpg", ContentFile(_encode(content)), save=False)
    photo.save()
    return photo


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
    photos = list(old.order_by("pk")[:CHUNK])
    with transaction.atomic():
        LabelPhoto.objects.filter(pk__in=in_list(photo.pk for photo in photos)).delete()
        transaction.on_commit(partial(_delete_files, photos))
    return len(photos)


def _delete_files(photos: Sequence[LabelPhoto]) -> None:
    for photo in photos:
        photo.file.delete(save=False)


def _encode(content: bytes) -> bytes:
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > settings.TEST_CALLS.photo_megapixels * 1_000_000:
                raise PhotoRefused("The picture has too many pixels. Send a smaller one.")
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise PhotoRefused("The file is no JPEG, PNG or WebP picture, or it is damaged.") from error
    side = settings.TEST_CALLS.photo_max_side
    upright.thumbnail((side, side))
    pixels = Image.new("RGB", upright.size)
    pixels.paste(upright)
    encoded = BytesIO()
    pixels.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()
