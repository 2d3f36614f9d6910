"""`load_area_codes` brings a newer table of area codes into running processes."""

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.area_code_tables import fetch_numbering_plan, load_report
from portal.models import AreaCodeTable
from portal.phone import current_plan
from portal.phone.area_code_report import InvalidReport
from portal.phone.current_plan import REFRESH_SECONDS, get_numbering_plan, get_shipped_plan
from portal.phone.numbers import InvalidPhoneNumber, parse_number
from tests.support.area_codes import REPORT, read_shipped_rows, write_nanpa_report

NEW_CODE = {
    "npa": "235",
    "location": "MO",
    "country": "US",
    "use": "G",
    "in_service": "N",
    "first_day": date(2026, 3, 1),
    "time_zone": "C",
}
UNASSIGNED = "(222) 234-0143"


def write_report(path, *, file_date="11/20/2026", **changes):
    rows = [*read_shipped_rows(), NEW_CODE | {"npa": "222"} | changes]
    path.write_text(write_nanpa_report(rows, file_date=file_date), encoding="utf-8")
    return path


@pytest.fixture
def report(tmp_path):
    """A newer report with one more area code, 222."""
    return write_report(tmp_path / "npa_report.csv")


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock of the numbering plan, in seconds; the plan asks the database."""
    seconds = [1000.0]
    monkeypatch.setattr(current_plan.time, "monotonic", lambda: seconds[0])
    current_plan.set_plan_source(fetch_numbering_plan)
    return seconds


def is_number(text: str) -> bool:
    try:
        return bool(parse_number(text))
    except InvalidPhoneNumber:
        return False


@pytest.mark.django_db(transaction=True)
def test_a_running_process_uses_a_loaded_table_within_a_minute(report, clock, capsys):
    assert not is_number(UNASSIGNED)
    call_command("load_area_codes", str(report))
    assert capsys.readouterr().out == ("npa_report.csv: 489 area codes of 2026-11-20 loaded.\n  new: 222\n")
    clock[0] += REFRESH_SECONDS
    assert REFRESH_SECONDS < 60
    assert is_number(UNASSIGNED)
    assert parse_number(UNASSIGNED).region == "US"
    assert "222" in get_numbering_plan().get_neighbours("314")


@pytest.mark.django_db(transaction=True)
def test_the_database_is_asked_once_in_a_while_and_not_for_each_number(report, clock, now):
    load_report(report, now=now)
    assert is_number(UNASSIGNED)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for _ in range(100):
            parse_number("+12065550143")
    assert len(queries) == 0
    clock[0] += REFRESH_SECONDS
    with CaptureQueriesContext(connection) as queries:
        for _ in range(100):
            parse_number("+12065550143")
    assert len(queries) == 1


@pytest.mark.django_db
def test_within_a_transaction_the_database_is_not_asked(report, clock, now):
    load_report(report, now=now)
    with CaptureQueriesContext(connection) as queries:
        assert not is_number(UNASSIGNED)
    assert len(queries) == 0


@pytest.mark.django_db(transaction=True)
def test_a_table_that_cannot_be_read_leaves_the_one_in_use(report, clock, now, caplog):
    load_report(report, now=now)
    assert is_number(UNASSIGNED)
    AreaCodeTable.objects.update(report="damaged", loaded_at=now + timedelta(seconds=1))
    clock[0] += REFRESH_SECONDS
    assert is_number(UNASSIGNED)
    assert "The table of area codes cannot be read" in caplog.text


@pytest.mark.django_db
def test_the_shipped_layout_can_be_loaded(tmp_path, now):
    path = tmp_path / "area-codes-2026-02-01.csv"
    path.write_bytes(REPORT.read_bytes())
    loaded = load_report(path, now=now)
    assert (loaded.report_date, loaded.area_codes, loaded.new, loaded.withdrawn) == (date(2026, 2, 1), 488, [], [])


@pytest.mark.django_db
def test_only_the_newest_table_is_kept_and_a_corrected_one_replaces_it(tmp_path, now):
    load_report(write_report(tmp_path / "a.csv", file_date="10/01/2026"), now=now)
    load_report(write_report(tmp_path / "b.csv"), now=now)
    load_report(write_report(tmp_path / "c.csv", location="KS"), now=now)
    table = AreaCodeTable.objects.get()
    assert table.report_date == date(2026, 11, 20)
    assert "222,General Purpose Code,Yes,,No,Yes,01/01/1947,G,KS" in table.report


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("file_date", "reason"),
    [
        ("01/04/2026", "older than the table in use, of 2026-01-05"),
        ("01/01/2099", "dated in the future"),
    ],
)
def test_a_table_of_a_wrong_date_is_refused(tmp_path, now, file_date, reason):
    with pytest.raises(InvalidReport, match=reason):
        load_report(write_report(tmp_path / "report.csv", file_date=file_date), now=now)
    assert not AreaCodeTable.objects.exists()


@pytest.mark.django_db
def test_a_table_older_than_the_loaded_one_is_refused(tmp_path, report, now):
    load_report(report, now=now)
    with pytest.raises(InvalidReport, match="older than the table in use, of 2026-11-20"):
        load_report(write_report(tmp_path / "older.csv", file_date="11/19/2026"), now=now)


@pytest.mark.django_db(transaction=True)
def test_a_shipped_table_that_is_newer_than_the_loaded_one_counts(clock, now):
    AreaCodeTable.objects.create(report_date=date(2025, 1, 1), loaded_at=now, report="not read")
    assert get_numbering_plan() is get_shipped_plan()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be opened"),
        (b"", "has no date"),
        (b"PK\x03\x04\x00\x00", "not a CSV file"),
        (b"<html>Service unavailable</html>", "has no date"),
        (b"File Date,11/20/2026\nNPA_ID,LOCATION\n201,NJ\n", "has no column COUNTRY"),
        (b"File Date,11/20/2026\nNPA_ID,ASSIGNED,USE,LOCATION,COUNTRY,IN_SERVICE_DT\n201,Yes,G,NJ,US,\n", "cut off"),
        (b"x" * 6_000_000, "too large"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason_and_changes_nothing(tmp_path, content, reason):
    path = tmp_path / "report.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=rf"report\.csv was not loaded\. .*{reason}"):
        call_command("load_area_codes", str(path))
    assert not AreaCodeTable.objects.exists()
