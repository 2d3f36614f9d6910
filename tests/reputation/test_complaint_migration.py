"""The upgrade of loaded complaints: fingerprints of parsed rows, and complaints that were counted twice are merged."""

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from reputation.complaint_files import load_file
from reputation.complaint_rows import get_fingerprint
from reputation.models import Complaint, ComplaintFile
from tests.support.migration_steps import migration_steps

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("reputation", "0006_import_columns")]
CREATED = datetime(2026, 11, 20, 13, 5, 22, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEADINGS = (
    "Company_Phone_Number,Created_Date,Violation_Date,Consumer_City,Consumer_State,Consumer_Area_Code,Subject,"
    "Recorded_Message_Or_Robocall"
)


@pytest.fixture
def old():
    """Add rows to the database as it was before. Ends at the newest migration."""
    with migration_steps():
        call_command("migrate", *BEFORE[0], verbosity=0)
        apps = MigrationExecutor(connection).loader.project_state(BEFORE).apps
        yield OldRows(apps.get_model("reputation", "ComplaintFile"), apps.get_model("reputation", "Complaint"))
        call_command("migrate", "reputation", verbosity=0)


class OldRows:
    def __init__(self, file_model, complaint_model):
        self.files, self.complaints = file_model.objects, complaint_model.objects

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
        )

    def migrate(self):
        call_command("migrate", "reputation", verbosity=0)


def test_complaints_that_were_counted_twice_are_merged_and_others_are_kept(old):
    original, resaved, corrected = (old.add_file(name) for name in ("a 2026-11-20.csv", "resaved.csv", "b.csv"))
    kept = [
        old.add(original, "row"),
        old.add(original, "row", occurrence=1),
        # The third row of its text, whose first two came with the first file.
        old.add(corrected, "row", occurrence=2),
        # Another second of the same minute, in a file that has both.
        old.add(original, "other row", city="Boulder"),
        old.add(original, "other second", city="Boulder", created_at=CREATED + timedelta(seconds=5)),
        old.add(original, "another number", e164="+12067824022"),
    ]
    old.add(resaved, "11/20/2026", created_at=CREATED.replace(second=0))
    old.add(resaved, "11/20/2026", occurrence=1, created_at=CREATED.replace(second=0))
    old.migrate()
    assert set(Complaint.objects.values_list("pk", flat=True)) == {row.pk for row in kept}
    for complaint in Complaint.objects.all():
        values = {name: getattr(complaint, name) for name in ("e164", "created_at", "city", "state", "area_code")}
        values |= {"subject": complaint.subject, "is_robocall": complaint.is_robocall}
        assert complaint.fingerprint == get_fingerprint(values)
    denver = Complaint.objects.filter(city="Denver", e164="+12067824021").order_by("pk")
    assert list(denver.values_list("occurrence", flat=True)) == [0, 1, 2]
    assert ComplaintFile.objects.get(name="a 2026-11-20.csv").day == date(2026, 11, 20)
    assert ComplaintFile.objects.get(name="resaved.csv").day is None


def test_the_original_file_adds_nothing_after_the_upgrade(old, tmp_path):
    old.add(old.add_file("a.csv"), "row", state="Colorado", area_code="303", subject="Other")
    old.migrate()
    path = tmp_path / "resaved.csv"
    path.write_text(f"{HEADINGS}\n2067824021,11/20/2026 13:05,,Denver,Colorado,303,Other,Y\n")
    assert load_file(path, now=NOW).duplicates == 1


def test_a_large_table_is_renewed_in_chunks_of_whole_numbers(old, monkeypatch):
    from importlib import import_module

    monkeypatch.setattr(import_module("reputation.migrations.0010_complaint_downloads"), "CHUNK", 4)
    first, second = old.add_file("a.csv"), old.add_file("b.csv")
    for number in range(5):
        for minute in range(3):
            at = {"e164": f"+1206782400{number}", "created_at": CREATED + timedelta(minutes=minute)}
            old.add(first, f"{at}", **at)
            old.add(second, f"resaved {at}", **at)
    old.migrate()
    assert Complaint.objects.count() == 15
    assert set(Complaint.objects.values_list("file", flat=True)) == {first.pk}
