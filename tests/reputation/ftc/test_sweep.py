"""The portal fetches what the FTC publishes, once, and catches up what was missing. Against a stand-in for its site."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reputation.complaint_files import load_file
from reputation.ftc import days, sweep
from reputation.models import Complaint, ComplaintFile, FtcFile, FtcIndexPage
from reputation.tasks.complaint_files import fetch_complaint_files
from tests.reputation.ftc.conftest import NOW, name_of, write_file, write_row
from tests.support.ftc_site import FOLDER, PAGE

pytestmark = pytest.mark.django_db

State = FtcFile.State


def get_states() -> dict[str, str]:
    return dict(FtcFile.objects.values_list("name", "state"))


def get_numbers() -> list[str]:
    return sorted(Complaint.objects.values_list("e164", flat=True))


def get_known() -> set[tuple]:
    """What is known of the files on the page."""
    return set(FtcFile.objects.values_list("name", "url", "is_listed", "state", "problem", "complaint_file"))


def get_missing(now) -> dict[date, str]:
    return {day.day: day.reason for day in days.get_missing_days(now)}


# A week ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def week(site):
    """Thursday to Wednesday: one with `_0`, one with a stray quotation mark, one HTML page, and two days missing."""
    stray = write_row("2065550145").replace("Seattle", '"Seattle')
    site.publish(name_of("2026-11-18"), write_file(write_row("2065550143"), write_row("2065550143")))
    site.publish("DNC_Complaint_Numbers_2026-11-20_0.csv", write_file(write_row("2065550144"), stray))
    site.links.append(f"{FOLDER}{name_of('2026-11-23')}")
    site.set_fault(name_of("2026-11-23"), "html")
    # It overlaps with the first file.
    site.publish(name_of("2026-11-25"), write_file(write_row("2065550143"), write_row("2065550146")))
    return site


def test_a_week_with_gaps_is_loaded_once_and_the_gaps_are_named(week, fetch, clock, caplog):
    assert fetch() == 5
    assert get_numbers() == ["+12065550143", "+12065550143", "+12065550144", "+12065550146"]
    assert get_missing(NOW) == {
        date(2026, 11, 24): days.NOT_LISTED,
        date(2026, 11, 23): "The site answers with a web page instead of the file.",
        date(2026, 11, 19): days.NOT_LISTED,
    }
    assert days.get_loaded_through() == date(2026, 11, 25)
    assert "the page lists no file of 2026-11-24, 2026-11-19" in caplog.text
    assert f"{name_of('2026-11-23')} of 2026-11-23 is missing. The site answers with a web page" in caplog.text
    skipped = ComplaintFile.objects.get(day=date(2026, 11, 20)).skipped
    line = "line 3 (2065550145,2026-11-20 08:00:22,2026-11-2)"
    assert skipped == {"A quotation mark is opened here and not closed.": {"rows": 1, "lines": [line]}}


def test_what_is_loaded_is_not_asked_for_again(week, fetch, clock):
    fetch()
    assert fetch() == 0
    for _ in range(10):
        clock.shift(days=1)
        fetch()
    loaded = [name for name, state in get_states().items() if state == State.LOADED]
    assert [week.get_answers(name) for name in loaded] == [[200]] * 3
    # The page and the HTML answer are asked for with a condition.
    assert set(week.get_answers()[1:]) == {304}
    assert set(week.get_answers(name_of("2026-11-23"))[1:]) == {304}
    assert Complaint.objects.count() == 4


def test_a_gap_is_caught_up_when_its_file_appears(week, fetch, clock):
    fetch()
    week.mend(name_of("2026-11-23"))
    week.publish(name_of("2026-11-23"), write_file(write_row("2065550147")))
    week.publish(name_of("2026-11-24"), write_file(write_row("2065550148")))
    clock.shift(days=1)
    fetch()
    assert set(get_numbers()) >= {"+12065550147", "+12065550148"}
    assert set(get_missing(NOW)) == {date(2026, 11, 19)}


# Faults of a file -----------------------------------------------------------------------------------------------------

NAME = name_of("2026-11-25")
ROWS = [write_row("2065550143", minute=minute) for minute in range(30)]
WHOLE = write_file(*ROWS)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "html"}, State.NO_FILE),
        ({"kind": "cut"}, State.TRUNCATED),
        ({"kind": "status", "status": 404}, State.MISSING),
        ({"kind": "status", "status": 500}, State.FAILED),
        ({"kind": "garbage"}, State.FAILED),
    ],
    ids=lambda value: str(value),
)
def test_a_faulty_answer_loads_nothing_and_is_asked_for_again_later(site, fetch, clock, fault, state):
    site.publish(NAME, WHOLE)
    site.set_fault(NAME, **fault)
    fetch()
    assert get_states() == {NAME: state}
    assert not Complaint.objects.exists()
    assert fetch() == 0
    clock.shift(hours=2)
    fetch()
    assert len(site.get_answers(NAME)) == 2
    site.mend(NAME)
    clock.shift(hours=2)
    assert fetch() == 0, "the second wait is twice as long"
    clock.shift(hours=2)
    fetch()
    assert get_states() == {NAME: State.LOADED}
    assert Complaint.objects.count() == 30


def test_a_file_that_is_cut_off_on_the_server_is_not_loaded_until_it_is_whole(site, fetch, clock):
    site.publish(NAME, WHOLE[:-40])
    for _ in range(3):
        fetch()
        clock.shift(days=3)
    assert get_states() == {NAME: State.TRUNCATED}
    assert not ComplaintFile.objects.exists()
    site.publish(NAME, WHOLE)
    fetch()
    assert Complaint.objects.count() == 30


def test_a_last_line_without_an_end_is_taken_if_it_comes_the_same_again(site, fetch, clock):
    site.publish(NAME, WHOLE.removesuffix(b"\r\n"))
    fetch()
    assert get_states() == {NAME: State.TRUNCATED}
    clock.shift(hours=2)
    fetch()
    assert get_states() == {NAME: State.LOADED}
    assert Complaint.objects.count() == 30


def test_a_file_with_other_columns_is_no_complaint_file(site, fetch):
    site.publish(NAME, b"Company_Phone_Number,Created_Date\n2065550143,2026-11-20\n")
    fetch()
    file = FtcFile.objects.get()
    assert (file.state, file.complaint_file) == (State.NO_FILE, None)
    assert "it has no Violation_Date" in file.problem


def test_rows_that_the_ftc_writes_wrongly_are_skipped_by_name_and_the_others_loaded(site, fetch):
    row = write_row("2065550143")
    faulty = [
        f",{row.partition(',')[2]}",  # no number
        row.replace("2065550143", "anonymous"),
        row.replace("2065550143,", ""),  # shifted: a date where the number belongs
        row.replace("Seattle", '"Seattle'),
    ]
    good = [
        row.replace("Other", '"Reducing your debt (credit cards, mortgage, student loans)"'),
        row.removesuffix("Y"),
        row.replace("Seattle", "Ca\u00f1on City"),
    ]
    site.publish(NAME, write_file(*faulty, *good).decode().encode("cp1252"))
    fetch()
    file = ComplaintFile.objects.get()
    assert (file.row_count, file.loaded_count, file.skipped_count) == (7, 3, 4)
    lines = sorted(line.partition(" (")[0] for reason in file.skipped.values() for line in reason["lines"])
    assert lines == ["line 2", "line 3", "line 4", "line 5"]
    assert Complaint.objects.filter(city="Ca\u00f1on City").exists()


def test_a_file_that_has_left_the_page_stays_missing_and_is_not_asked_for_again(week, fetch, clock):
    fetch()
    asked = week.get_answers(name_of("2026-11-23"))
    week.links = [link for link in week.links if "2026-11-25" in link]
    week.save()
    clock.shift(days=1)
    fetch()
    clock.shift(days=10)
    fetch()
    assert week.get_answers(name_of("2026-11-23")) == asked
    over = {day.day: day.reason for day in days.get_missing_days(NOW) if day.is_over}
    assert over == {
        date(2026, 11, 24): days.NOT_LISTED,
        date(2026, 11, 23): "The site answers with a web page instead of the file.",
        date(2026, 11, 19): days.NOT_LISTED,
    }


def test_a_file_that_was_loaded_by_hand_is_recognised(site, fetch, tmp_path):
    path = tmp_path / "by-hand.csv"
    path.write_bytes(WHOLE)
    load_file(path, now=NOW)
    site.publish(NAME, WHOLE)
    fetch()
    assert FtcFile.objects.get().complaint_file == ComplaintFile.objects.get()
    assert Complaint.objects.count() == 30
    assert get_missing(NOW) == {}


def test_a_day_whose_file_was_loaded_by_hand_is_not_missing(week, fetch, tmp_path):
    fetch()
    path = tmp_path / name_of("2026-11-24")
    path.write_bytes(write_file(write_row("2065550149")))
    load_file(path, now=NOW)
    assert date(2026, 11, 24) not in get_missing(NOW)


def test_an_error_while_loading_is_recorded_and_the_file_is_asked_for_later(site, fetch, clock, monkeypatch):
    site.publish(NAME, WHOLE)
    with monkeypatch.context() as patch:
        patch.setattr("reputation.complaint_files._load_records", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fetch()
    file = FtcFile.objects.get()
    assert (file.state, file.next_action_at) == (State.FAILED, NOW + timedelta(hours=2))
    clock.shift(hours=2)
    fetch()
    assert Complaint.objects.count() == 30


# The page -------------------------------------------------------------------------------------------------------------


def test_the_page_is_read_each_weekday_once_the_file_of_the_day_is_on_it(site, fetch, clock):
    site.publish(NAME, WHOLE)
    fetch()
    assert FtcIndexPage.objects.get().next_action_at == datetime(2026, 11, 26, 17, tzinfo=UTC)  # noon in Washington


def test_the_page_is_read_each_hour_while_the_file_of_the_day_is_not_on_it(site, fetch, clock):
    site.publish(name_of("2026-11-24"), WHOLE)
    fetch()
    assert FtcIndexPage.objects.get().next_action_at == NOW + timedelta(hours=1)


def test_the_page_may_have_moved_within_the_site(site, fetch, settings):
    site.publish(NAME, WHOLE)
    site.set_fault("/old-page", "redirect", to=PAGE)
    settings.FTC_INDEX_URL = f"http://127.0.0.1:{site.port}/old-page"
    fetch()
    assert get_states() == {NAME: State.LOADED}


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"kind": "html"}, "It lists no complaint file. The FTC may have changed the page."),
        ({"kind": "status", "status": 404}, "The address does not exist (404)."),
        ({"kind": "status", "status": 500}, "The site answers 500 Internal Server Error."),
    ],
    ids=lambda value: str(value),
)
def test_a_page_that_cannot_be_read_changes_nothing_and_is_read_later(week, fetch, clock, fault, problem):
    fetch()
    before = get_known()
    week.set_fault(PAGE, **fault)
    clock.shift(days=1)
    fetch()
    page = FtcIndexPage.objects.get()
    assert (page.problem, page.attempts, page.next_action_at) == (problem, 1, clock.now + timedelta(hours=2))
    assert get_known() == before
    week.mend(PAGE)
    clock.shift(hours=2)
    fetch()
    page.refresh_from_db()
    assert (page.problem, page.attempts) == ("", 0)


def test_an_error_while_reading_the_page_is_recorded_and_the_page_is_read_later(week, fetch, clock, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "find_files", lambda html, url: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fetch()
    page = FtcIndexPage.objects.get()
    assert (page.problem, page.next_action_at) == (sweep.UNEXPECTED, NOW + timedelta(hours=2))
    clock.shift(hours=2)
    assert fetch() == 5


# Politeness -----------------------------------------------------------------------------------------------------------


def test_there_is_a_pause_between_requests(week, fetch, settings):
    settings.FTC_PAUSE_SECONDS = week.min_pause = 0.2
    week.save()
    assert fetch() == 5
    assert 429 not in [request["status"] for request in week.requests]


def test_a_pause_that_is_longer_than_a_task_may_last_is_left_to_the_next_run(week, clock, settings):
    settings.FTC_PAUSE_SECONDS = 60
    for expected in (1, 2, 3):
        assert sweep.fetch_due(clock=clock) == 1
        assert len(week.requests) == expected
        assert sweep.fetch_due(clock=clock) == 0
        clock.shift(seconds=60)


@pytest.mark.parametrize("status", [429, 503])
def test_a_break_that_the_site_asks_for_is_kept_for_all_files(week, fetch, clock, status):
    week.set_fault(name_of("2026-11-25"), "status", status=status, headers={"Retry-After": "7200"})
    assert fetch() == 2, "the page and the newest file"
    week.mend(name_of("2026-11-25"))
    clock.shift(seconds=7100)
    assert fetch() == 0
    clock.shift(seconds=100)
    fetch()
    assert Complaint.objects.count() == 4


def test_nothing_is_asked_for_if_fetching_is_switched_off(week, settings):
    settings.FTC_FETCH = False
    fetch_complaint_files()
    assert week.requests == []


def test_the_task_fetches(week):
    fetch_complaint_files()
    assert Complaint.objects.count() == 4


def test_an_idle_run_takes_few_queries_and_no_request(week, fetch, django_assert_num_queries):
    fetch()
    asked = len(week.requests)
    with django_assert_num_queries(3):
        assert fetch() == 0
    assert len(week.requests) == asked


def test_query_count_of_reading_the_page_is_the_same_for_2_and_200_files(site, clock, settings):
    settings.FTC_PAUSE_SECONDS = 3600  # only the page
    counts = []
    for count in (1, 2, 200):  # the first run also adds the row of the page
        start = date(2026, 11, 25)
        site.links = [f"{FOLDER}{name_of((start - timedelta(days=n)).isoformat())}" for n in range(count)]
        site.save()
        with CaptureQueriesContext(connection) as queries:
            assert sweep.fetch_due(clock=clock) == 1
        counts.append(len(queries))
        clock.shift(days=1)
        FtcFile.objects.all().delete()
        FtcIndexPage.objects.update(etag="", next_action_at=clock.now)
    assert counts[1] == counts[2]
