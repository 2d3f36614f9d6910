"""The upgrade of loaded complaints: fingerprints of parsed rows, and complaints that were counted twice are merged."""

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from importlib import import_module

import pytest

from reputation.complaint_files import load_file
from reputation.complaint_rows import get_fingerprint
from reputation.models import Complaint, ComplaintFile
from tests.support.migration_steps import stepwise_database

CREATED = datetime(2026, 11, 20, 13, 5, 22, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEADINGS = (
    "Company_Phone_Number,Created_Date,Violation_Date,Consumer_City,Consumer_State,Consumer_Area_Code,Subject,"
    "Recorded_Message_Or_Robocall"
)
NUMBERS_OF_CHUNKS = [f"+1206782410{digit}" for digit in range(5)]


class OldRows:
    def __init__(self, apps):
        self.files = apps.get_model("reputation", "ComplaintFile").objects
        self.complaints = apps.get_model("reputation", "Complaint").objects

    def add_file(self, name):
        return self.files.create(
            sha256=hashlib.sha256(name.encode()).hexdigest(), name=name, started_at=NOW, done_at=NOW
        )

    def add(self, file, text, occurrence=0, **values):
        """A complaint with the fingerprint of a row's text, as it was made before."""
        row = {"e164": "+12067824021", "created_at": CREATED, "city": "Denver", "is_robocall": True} | values
        fingerprint = uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest())
        return self.complaints.create(
            file=file, fingerprint=fingerprint, occurrence=occurrence, counts_from=row["created_at"], **row
        ).pk


@pytest.fixture(scope="module")
def kept(django_db_blocker, tmp_path_factory):
    """The complaints that an upgrade keeps of those that count for +12067824021 and the number after it."""
    folder = tmp_path_factory.mktemp("database")
    with django_db_blocker.unblock(), stepwise_database(folder) as migrate, pytest.MonkeyPatch.context() as patch:
        old = OldRows(migrate("0006_import_columns"))
        kept = add_repeated_complaints(old)
        old.add(old.add_file("c.csv"), "Portland", e164="+15036782402", city="Portland", area_code="503")
        add_complaints_of_many_numbers(old)
        patch.setattr(import_module("reputation.migrations.0010_complaint_downloads"), "CHUNK", 4)
        migrate()
        yield kept


def add_repeated_complaints(old):
    original, resaved, corrected = (old.add_file(name) for name in ("a 2026-11-20.csv", "resaved.csv", "b.csv"))
    kept = {
        old.add(original, "row"),
        old.add(original, "row", occurrence=1),
        # The third row of its text, whose first two came with the first file.
        old.add(corrected, "row", occurrence=2),
        # Another second of the same minute, in a file that has both.
        old.add(original, "other row", city="Boulder"),
        old.add(original, "other second", city="Boulder", created_at=CREATED + timedelta(seconds=5)),
        old.add(original, "another number", e164="+12067824022"),
    }
    old.add(resaved, "11/20/2026", created_at=CREATED.replace(second=0))
    old.add(resaved, "11/20/2026", occurrence=1, created_at=CREATED.replace(second=0))
    return kept


def add_complaints_of_many_numbers(old):
    first, second = old.add_file("first.csv"), old.add_file("second.csv")
    for e164 in NUMBERS_OF_CHUNKS:
        for minute in range(3):
            at = {"e164": e164, "created_at": CREATED + timedelta(minutes=minute)}
            old.add(first, f"{at}", **at)
            old.add(second, f"resaved {at}", **at)


def test_complaints_that_were_counted_twice_are_merged_and_others_are_kept(kept):
    left = Complaint.objects.filter(e164__in=["+12067824021", "+12067824022"])
    assert set(left.values_list("pk", flat=True)) == kept
    for complaint in left:
        values = {name: getattr(complaint, name) for name in ("e164", "created_at", "city", "state", "area_code")}
        values |= {"subject": complaint.subject, "is_robocall": complaint.is_robocall}
        assert complaint.fingerprint == get_fingerprint(values)
    denver = left.filter(city="Denver", e164="+12067824021").order_by("pk")
    assert list(denver.values_list("occurrence", flat=True)) == [0, 1, 2]
    assert ComplaintFile.objects.get(name="a 2026-11-20.csv").day == date(2026, 11, 20)
    assert ComplaintFile.objects.get(name="resaved.csv").day is None


def test_the_original_file_adds_nothing_after_the_upgrade(kept, tmp_path):
    path = tmp_path / "resaved.csv"
    path.write_text(f"{HEADINGS}\n5036782402,11/20/2026 13:05,,Portland,,503,,Y\n")
    assert load_file(path, now=NOW).duplicates == 1


def test_a_large_table_is_renewed_in_chunks_of_whole_numbers(kept):
    complaints = Complaint.objects.filter(e164__in=NUMBERS_OF_CHUNKS)
    assert complaints.count() == 15
    assert set(complaints.values_list("file__name", flat=True)) == {"first.csv"}
