"""Photos of labels: checked, re-encoded without metadata, and stored under the account with a random name."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import IO

from django.conf import settings
from django.core.files.base import ContentFile
from PIL import Image, ImageOps, UnidentifiedImageError

from portal.files.names import get_ending
from portal.models import Account
from reputation.models import LabelPhoto

FORMATS = ("JPEG", "PNG", "WEBP")
FORMAT_OF_ENDING = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


class PhotoRefused(Exception):
    """The file is no photo that is taken; the message says why."""


def store_photo(account: Account, file: IO[bytes], *, now: datetime, name: str = "") -> LabelPhoto:
    """Stores the photo. `name` is that of the file, whose ending must not say that it is another. Raises PhotoRefused.

    It becomes a JPEG of its pixels alone: no place, time, camera or comment of the original is kept.
    """
    limit = settings.TEST_CALLS.photo_mb * 1024 * 1024
    content = file.read(limit + 1)
    if len(content) > limit:
        raise PhotoRefused(f"The photo is larger than {settings.TEST_CALLS.photo_mb} MB. Send a smaller one.")
    photo = LabelPhoto(account=account, created_at=now)
    photo.file.save("photo.jpg", ContentFile(_encode(content, get_ending(name))), save=False)
    photo.save()
    return photo


def _encode(content: bytes, ending: str) -> bytes:
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if ending and FORMAT_OF_ENDING.get(ending) != image.format:
                raise PhotoRefused(
                    f"The picture is {image.format}, but its name ends otherwise. Take or save it anew as JPEG, PNG or "
                    "WebP, and choose that file."
                )
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
