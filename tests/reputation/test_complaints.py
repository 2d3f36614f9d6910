"""FTC complaints: files are loaded once, and monitored numbers that are reported are tagged."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reputation import complaint_files, complaints
from reputation.models import Complaint, ComplaintFile

pytestmark = pytest.mark.django_db

DIGITS = "2067824021"
NUMBER = f"+1{DIGITS}"
HEADER = (
    "Company_Phone_Number,Created_Date,Violation_Date,Consumer_City,Consumer_State,Consumer_Area_Code,Subject,"
    "Recorded_Message_Or_Robocall"
)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def csv_row(number=DIGITS, created="2026-11-20 13:05:22", second=None, **more):
    if second is not None:
        created = f"2026-11-20 13:05:{second:02}"
    cells = {
        "violated": "2026-11-19 10:00:00",
        "city": "Denver",
        "subject": "Reducing your debt",
        "robocall": "Y",
    } | more
    return f"{number},{created},{cells['violated']},{cells['city']},Colorado,303,{cells['subject']},{cells['robocall']}"


@pytest.fixture
def write_file(tmp_path):
    def write(*rows, name="DNC_Complaint_Numbers_2026-11-23.csv", header=HEADER, end="\r\n") -> Path:
        path = tmp_path / name
        path.write_bytes(("".join(line + end for line in (header, *rows))).encode())
        return path

    return write


@pytest.fixture
def complaints_provider_only(settings):
    from reputation.monitoring.engines import sync_engines

    settings.PROVIDERS = ["complaints"]
    sync_engines()


# Files ----------------------------------------------------------------------------------------------------------------


def test_row_is_loaded_as_a_complaint(write_file):
    path = write_file(csv_row(city='"Winston, Salem"', subject="Dropped call  or no message", robocall="N"))
    taken = complaint_files.load_file(path, now=NOW)
    complaint = complaints.get_complaints(NUMBER).get()
    assert (taken.rows, taken.loaded) == (1, 1)
    assert complaint.created_at == datetime(2026, 11, 20, 13, 5, 22, tzinfo=UTC)
    assert complaint.violated_at == datetime(2026, 11, 19, 10, tzinfo=UTC)
    assert (complaint.city, complaint.state, complaint.area_code) == ("Winston, Salem", "Colorado", "303")
    assert (complaint.subject, complaint.is_robocall) == ("Dropped call or no message", False)


def test_robocall_is_unknown_when_its_cell_is_empty(write_file):
    complaint_files.load_file(write_file(csv_row(robocall="", second=1), csv_row(robocall="Y", second=2)), now=NOW)
    assert list(Complaint.objects.order_by("created_at").values_list("is_robocall", flat=True)) == [None, True]


def test_invalid_rows_are_skipped_and_counted_by_reason(write_file):
    path = write_file(
        csv_row(),
        csv_row(number=""),
        csv_row(number="   "),
        csv_row(number="206782402"),
        csv_row(number="206-CALL-NOW"),
        csv_row(number='"2067824021,2067824022"'),
        csv_row(number="4165550143"),
        csv_row(number="0000000000"),
        csv_row(created="yesterday"),
        csv_row(created="2027-03-01 00:00:00"),
    )
    taken = complaint_files.load_file(path, now=NOW)
    assert (taken.rows, taken.loaded) == (10, 1)
    assert taken.skipped.total() == 9
    assert taken.skipped["without a number"] == 2
    assert taken.skipped["This is a number of Canada, not of the United States."] == 1
    assert taken.skipped["without a date that can be read"] == 1
    assert taken.skipped["dated in the future"] == 1
    assert taken.skipped_lines["without a date that can be read"] == ["line 10 (yesterday)"]


def test_same_file_is_not_loaded_again_under_another_name(write_file):
    complaint_files.load_file(write_file(csv_row()), now=NOW)
    again = complaint_files.load_file(write_file(csv_row(), name="another.csv"), now=NOW)
    assert again.is_already_loaded
    assert Complaint.objects.count() == 1


def test_two_equal_rows_of_a_file_are_two_complaints(write_file):
    complaint_files.load_file(write_file(csv_row(), csv_row()), now=NOW)
    assert Complaint.objects.count() == 2


def test_row_shared_by_overlapping_files_is_loaded_once(write_file):
    earlier, later = csv_row(created="2026-11-20 13:01:00"), csv_row(created="2026-11-20 13:02:00")
    complaint_files.load_file(write_file(csv_row(), csv_row(), earlier), now=NOW)
    taken = complaint_files.load_file(write_file(csv_row(), csv_row(), csv_row(), later, name="corrected.csv"), now=NOW)
    assert (taken.loaded, taken.duplicates) == (2, 2)
    assert Complaint.objects.count() == 5


def test_file_is_completed_after_loading_was_killed(write_file, monkeypatch, settings):
    monkeypatch.setattr(complaint_files, "CHUNK", 2)
    path = write_file(*(csv_row(second=second) for second in range(6)))
    really, calls = complaint_files._insert_chunk, []

    def killed_at_the_second(chunk):
        calls.append(1)
        if len(calls) == 2:
            raise SystemExit
        really(chunk)

    monkeypatch.setattr(complaint_files, "_insert_chunk", killed_at_the_second)
    with pytest.raises(SystemExit):
        complaint_files.load_file(path, now=NOW)
    monkeypatch.setattr(complaint_files, "_insert_chunk", really)
    taken = complaint_files.load_file(path, now=NOW)
    assert (taken.rows, taken.loaded, taken.duplicates) == (6, 6, 0)
    assert Complaint.objects.count() == 6


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"phone,date\r\n2067824021,2026-11-20\r\n", "has no Company_Phone_Number"),
        (b"\r\n\r\n", "nothing in this file but empty lines"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "file.csv: This is a picture, not CSV"),
        (b"PK\x03\x04\x14\x00", "Excel workbook"),
    ],
)
def test_unreadable_file_raises_a_clear_error_and_loads_nothing(tmp_path, content, said):
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(complaint_files.UnreadableFile, match=said):
        complaint_files.load_file(path, now=NOW)
    assert not ComplaintFile.objects.exists()
    assert not Complaint.objects.exists()


def test_missing_file_raises_a_clear_error(tmp_path):
    with pytest.raises(complaint_files.UnreadableFile, match="cannot be opened: No such file"):
        complaint_files.load_file(tmp_path / "missing.csv", now=NOW)


def test_columns_may_be_in_any_order_and_unknown_ones_are_ignored(write_file):
    path = write_file("N,x,2067824021,2026-11-20 13:05:22,,,,,Other", header=",".join(
        ["Recorded_Message_Or_Robocall", "New_Column", *HEADER.split(",")[:-2], "Subject"]
    ))  # fmt: skip
    complaint_files.load_file(path, now=NOW)
    assert complaints.get_complaints(NUMBER).get().subject == "Other"


def test_command_loads_files_and_prints_loaded_and_skipped_rows(write_file, capsys):
    good = write_file(csv_row(), csv_row(number=""), csv_row(second=1))
    bad = good.with_name("bad.csv")
    bad.write_text("nonsense")
    with pytest.raises(CommandError, match="1 of 2 files could not be read"):
        call_command("load_complaints", str(good), str(bad))
    out = capsys.readouterr()
    assert "3 rows, 2 complaints loaded" in out.out
    assert "1 skipped: without a number" in out.out
    assert "Nothing was loaded." in out.err
    call_command("load_complaints", str(good))
    assert "already loaded, nothing to do" in capsys.readouterr().out


def test_query_count_is_the_same_for_5_and_500_rows(write_file):
    counts = []
    for count in (5, 500):
        path = write_file(
            *(csv_row(created=f"2026-11-{count % 20 + 1:02} 10:00:00", city=f"City {n}") for n in range(count))
        )
        with CaptureQueriesContext(connection) as queries:
            complaint_files.load_file(path, now=NOW)
        counts.append(len(queries))
    assert counts[0] == counts[1]
