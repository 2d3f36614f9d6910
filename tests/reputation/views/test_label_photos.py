"""Photos of labels: who sees them, and how they are sent."""

from io import BytesIO

import pytest
from django.urls import reverse
from PIL import Image

from reputation.models import LabelPhoto
from reputation.test_calls.photos import store_photo
from tests.factories import AccountFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


@pytest.fixture
def photo(account, now) -> LabelPhoto:
    content = BytesIO()
    Image.new("RGB", (40, 20), "red").save(content, "PNG")
    content.seek(0)
    return store_photo(account, content, now=now)


def test_members_see_the_photo_as_a_jpeg_that_nobody_keeps(as_viewer, photo):
    answer = as_viewer.get(reverse("label-photo", args=[photo.pk]))
    with Image.open(BytesIO(b"".join(answer.streaming_content))) as image:
        assert image.format == "JPEG"
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("inline")


def test_a_photo_of_another_account_and_one_without_a_file_are_not_found(as_viewer, photo):
    address = reverse("label-photo", args=[photo.pk])
    photo.file.delete(save=False)
    LabelPhoto.objects.filter(pk=photo.pk).update(file="label-photos/gone.jpg")
    assert as_viewer.get(address).status_code == 404
    LabelPhoto.objects.filter(pk=photo.pk).update(account=AccountFactory())
    assert as_viewer.get(address).status_code == 404
