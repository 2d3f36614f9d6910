"""Photos of labels: which files are taken, and that nothing but pixels is kept."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from reputation import retention
from reputation.models import LabelPhoto, LabelReport
from reputation.test_calls import photos
from tests.factories import AccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def draw(kind: str, size=(40, 20), **options) -> BytesIO:
    file = BytesIO()
    Image.new("RGB", size, "red").save(file, kind, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_stored_as_a_jpeg_under_its_account_with_a_random_name(account, media, now, kind):
    first, second = (photos.store_photo(account, draw(kind), now=now) for _ in range(2))
    assert Path(first.file.path).parent == media / "label-photos" / str(account.pk)
    assert first.file.name != second.file.name
    with Image.open(first.file.path) as image:
        assert (image.format, image.size) == ("JPEG", (40, 20))
    assert not LabelPhoto.objects.for_account(AccountFactory()).exists()


@pytest.mark.parametrize("name", ["label.JPG", "label.jpeg", "label"])
def test_name_that_fits_the_picture_is_taken(account, now, name):
    assert photos.store_photo(account, draw("JPEG"), now=now, name=name).pk


@pytest.mark.parametrize("name", ["label.png", "label.jpg.exe", "label.html"])
def test_name_that_says_something_else_is_refused(account, media, now, name):
    with pytest.raises(photos.PhotoRefused, match="is JPEG, but its name ends otherwise"):
        photos.store_photo(account, draw("JPEG"), now=now, name=name)
    assert list(media.iterdir()) == []


def test_metadata_is_removed_and_the_picture_is_upright(account, now):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Secret Camera"
    photo = photos.store_photo(account, draw("JPEG", exif=exif, comment=b"at home"), now=now)
    content = Path(photo.file.path).read_bytes()
    assert b"Secret Camera" not in content
    assert b"at home" not in content
    with Image.open(photo.file.path) as image:
        assert image.size == (20, 40)
        assert not image.getexif()


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\xff\xd8\xff cut off", draw("GIF").getvalue()])
def test_other_files_are_refused(account, media, now, content):
    with pytest.raises(photos.PhotoRefused, match="no JPEG, PNG or WebP"):
        photos.store_photo(account, BytesIO(content), now=now)
    assert list(media.iterdir()) == []


def test_a_file_of_more_than_10_mb_or_with_too_many_pixels_is_refused(account, now, settings):
    with pytest.raises(photos.PhotoRefused, match="larger than 10 MB"):
        photos.store_photo(account, BytesIO(b"0" * (10 * 1024 * 1024 + 1)), now=now)
    settings.TEST_CALLS = replace(settings.TEST_CALLS, photo_megapixels=1)
    with pytest.raises(photos.PhotoRefused, match="too many pixels"):
        photos.store_photo(account, draw("PNG", (1001, 1000)), now=now)


def test_the_longest_side_of_a_stored_photo_is_a_setting(account, now, settings):
    settings.TEST_CALLS = replace(settings.TEST_CALLS, photo_max_side=20)
    with Image.open(photos.store_photo(account, draw("PNG", (40, 20)), now=now).file) as image:
        assert image.size == (20, 10)


def test_photos_are_deleted_after_400_days_and_unused_ones_after_one(
    account, number, telephone, call, now, settings, django_capture_on_commit_callbacks
):
    def store(days):
        return photos.store_photo(account, draw("PNG"), now=now - timedelta(days=days))

    too_old, of_report, of_result, _unused, just_sent = (store(days) for days in (401, 399, 399, 1.1, 0.9))
    times = {"reported_at": now, "state_since": now}
    LabelReport.objects.create(account=account, number=number, label="Spam", photo=of_report, **times)
    LabelReport.objects.create(account=account, number=number, label="Spam", photo=too_old, **times)
    call(number, telephone, "Spam", now, photo=of_result)
    with django_capture_on_commit_callbacks(execute=True):
        assert retention.STEPS["prune photos of labels"](now) == 2
    kept = {of_report, of_result, just_sent}
    assert set(LabelPhoto.objects.all()) == kept
    folder = Path(just_sent.file.path).parent
    assert {path.name for path in folder.iterdir()} == {Path(photo.file.path).name for photo in kept}
    settings.TEST_CALLS = replace(settings.TEST_CALLS, photo_unused_hours=21)
    assert retention.STEPS["prune photos of labels"](now) == 1
