"""Uploads on a disk that is full: an error that says so, and nothing half stored."""

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from portal.db.outages import is_disk_full
from portal.files.storage import WholeFileStorage
from reputation.models import NumberImport
from tests.support.pages import get_html
from tests.support.small_disk import fill, small_disk


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", size="4m") as folder:
        yield folder


def list_files(folder) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_that_does_not_fit_leaves_nothing(disk):
    filling = fill(disk, leave=1_000_000)
    storage = WholeFileStorage(location=disk)
    with pytest.raises(OSError, match="No space left") as raised:
        storage.save("imports/large.csv", ContentFile(b"x" * 3_000_000))
    assert is_disk_full(raised.value)
    assert list_files(disk) == ["filling"]
    filling.unlink()
    assert storage.save("imports/large.csv", ContentFile(b"x" * 3_000_000)) == "imports/large.csv"


def test_a_file_of_the_same_name_is_kept(disk):
    storage = WholeFileStorage(location=disk, allow_overwrite=True)
    storage.save("kept.csv", ContentFile(b"kept"))
    fill(disk)
    with pytest.raises(OSError, match="No space left"):
        storage.save("kept.csv", ContentFile(b"x" * 3_000_000))
    assert "kept.csv" in list_files(disk)


@pytest.mark.django_db
def test_an_upload_on_a_full_disk_is_refused_in_a_plain_sentence_and_works_later(as_admin, disk, settings):
    settings.MEDIA_ROOT = settings.FILE_UPLOAD_TEMP_DIR = str(disk)
    as_admin.raise_request_exception = False
    filling = fill(disk, leave=100_000)
    lines = "".join(f"+1206{2_000_000 + number}\n" for number in range(200_000))
    answer = upload(as_admin, lines)
    assert answer.status_code == 503
    assert "The disk of the portal's server is full, so what you sent may not be stored" in get_html(answer)
    assert (list_files(disk), NumberImport.objects.count()) == (["filling"], 0)
    filling.unlink()
    assert upload(as_admin, lines[:1_300_000]).status_code == 302
    assert NumberImport.objects.count() == 1


def upload(client, lines: str):
    return client.post(reverse("import-new"), {"file": ContentFile(f"number\n{lines}".encode(), name="numbers.csv")})
