"""Asking the FCC about the monitored numbers: which, when, in which batches, and what a failure costs."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.jobs import runner
from reputation.fcc import asking, client, dataset
from reputation.models import FccComplaintCount, FccComplaintDay, FccDataset, FccNumber, PhoneNumber
from reputation.tasks.fcc import ask_fcc
from tests.factories import AccountFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.support.fcc_complaints import SPOOFED, make_complaint, write_number

pytestmark = pytest.mark.django_db

NUMBER = "+12065550143"
VERSION = 1_791_003_647
OTHER_VERSION = 1_791_090_047


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0)


def monitor(*numbers: str, **values) -> None:
    account = AccountFactory()
    for number in numbers:
        MonitoredNumberFactory(account=account, e164=number, **values)


def monitor_many(count: int) -> list[str]:
    account = AccountFactory()
    return [MonitoredNumberFactory(account=account).e164 for _ in range(count)]


def asked_for(fcc) -> list[list[str]]:
    """The numbers that each question about complaints named, as the FCC writes them."""
    return [request["query"]["$where"].split("'")[1::2] for request in fcc.requests("rows")]


def ask_again(fcc) -> None:
    """Let time pass, and run the task again."""
    FccDataset.objects.update(checked_at=None, next_action_at=None, hour_started_at=None)
    ask_fcc()


# Which numbers, and when ----------------------------------------------------------------------------------------------


def test_complaints_about_a_monitored_number_are_stored_by_kind(fcc):
    monitor(NUMBER)
    fcc.set(
        rows=[
            make_complaint(NUMBER, date(2026, 9, 1)),
            make_complaint(NUMBER, date(2026, 10, 3)),
            make_complaint(NUMBER, date(2026, 10, 2), issue=SPOOFED),
        ]
    )
    ask_fcc()
    number = FccNumber.objects.get(e164=NUMBER)
    assert (number.rows_updated_at, number.attempts, number.lease_token) == (VERSION, 0, "")
    assert number.asked_at
    assert list(
        number.counts.order_by("issue").values_list("issue", "call_type", "is_spoofing_report", "count", "last_day")
    ) == [
        (SPOOFED, "Prerecorded Voice", True, 1, date(2026, 10, 2)),
        ("Unwanted Calls", "Prerecorded Voice", False, 2, date(2026, 10, 3)),
    ]


def test_days_of_the_window_are_stored(fcc, now):
    monitor(NUMBER)
    old, recent = (now - timedelta(days=31)).date(), (now - timedelta(days=29)).date()
    fcc.set(rows=[make_complaint(NUMBER, day) for day in (old, recent, recent)])
    ask_fcc()
    assert list(FccComplaintDay.objects.values_list("number__e164", "day", "count")) == [(NUMBER, recent, 2)]


def test_days_are_not_asked_for_if_no_complaint_is_in_the_window(fcc, now):
    monitor(NUMBER)
    fcc.set(rows=[make_complaint(NUMBER, (now - timedelta(days=31)).date())])
    ask_fcc()
    assert [request["on"] for request in fcc.requests()] == ["metadata", "rows"]


def test_only_monitored_numbers_are_asked_about_and_each_once(fcc):
    monitor(NUMBER)
    monitor(NUMBER)  # another account has it, too
    PhoneNumberFactory(e164="+12065550144")
    PhoneNumberFactory(e164="+12065550145", capability=PhoneNumber.Capability.VERIFYING)
    monitor("+12065550146", removed_at="2026-11-01T00:00:00Z")
    ask_fcc()
    assert asked_for(fcc) == [[write_number(NUMBER)]]


def test_numbers_are_asked_about_in_batches_of_the_setting(fcc, settings):
    numbers = monitor_many(7)
    settings.FCC = replace(settings.FCC, batch_size=3)
    ask_fcc()
    batches = asked_for(fcc)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert sorted(number for batch in batches for number in batch) == sorted(map(write_number, numbers))


def test_second_run_asks_nothing(fcc):
    monitor(NUMBER)
    ask_fcc()
    count = len(fcc.requests())
    ask_fcc()
    assert len(fcc.requests()) == count


def test_version_is_asked_for_at_most_once_an_hour(fcc, now):
    for minutes, requests in ((0, 1), (59, 1), (60, 2), (61, 2)):
        dataset.check_version(now + timedelta(minutes=minutes))
        assert len(fcc.requests("metadata")) == requests


def test_numbers_are_asked_about_again_only_after_rows_updated_at_changed(fcc):
    monitor(NUMBER)
    ask_fcc()
    ask_again(fcc)
    assert len(fcc.requests("metadata")) == 2
    assert len(fcc.requests("rows")) == 1
    fcc.set(version=OTHER_VERSION, rows=[make_complaint(NUMBER, date(2026, 10, 4))])
    ask_again(fcc)
    assert len(fcc.requests("rows")) == 1
    assert FccNumber.objects.get().rows_updated_at == OTHER_VERSION
    assert FccComplaintCount.objects.get().count == 1


def test_version_that_goes_back_is_another_version(fcc):
    monitor(NUMBER)
    ask_fcc()
    fcc.set(version=VERSION - 1)
    ask_again(fcc)
    assert len(fcc.requests("rows")) == 1


def test_new_number_is_asked_about_with_the_current_version(fcc):
    monitor(NUMBER)
    ask_fcc()
    monitor("+12065550144")
    ask_fcc()
    assert asked_for(fcc) == [[write_number(NUMBER)], ["206-555-0144"]]
    assert len(fcc.requests("metadata")) == 1


def test_new_numbers_come_before_those_of_an_older_version(fcc, settings):
    settings.FCC = replace(settings.FCC, batch_size=1)
    monitor(NUMBER)
    ask_fcc()
    fcc.set(version=OTHER_VERSION)
    monitor("+12065550144")
    ask_again(fcc)
    assert asked_for(fcc) == [["206-555-0144"], [write_number(NUMBER)]]


def test_complaint_that_the_fcc_removed_is_removed_here(fcc, now):
    monitor(NUMBER)
    fcc.set(rows=[make_complaint(NUMBER, now.date())])
    ask_fcc()
    assert FccComplaintDay.objects.count() == FccComplaintCount.objects.count() == 1
    fcc.set(version=OTHER_VERSION)
    ask_again(fcc)
    assert FccComplaintDay.objects.count() == FccComplaintCount.objects.count() == 0
    assert FccNumber.objects.get().rows_updated_at == OTHER_VERSION


def test_number_that_is_no_longer_monitored_is_not_asked_about_again(fcc):
    monitor(NUMBER)
    ask_fcc()
    PhoneNumber.objects.update(capability=PhoneNumber.Capability.OFF)
    fcc.set(version=OTHER_VERSION)
    ask_again(fcc)
    assert fcc.requests("rows") == []


def test_row_about_a_number_that_was_not_asked_for_is_not_stored(fcc):
    monitor(NUMBER)
    PhoneNumberFactory(e164="+12065550144")
    fcc.set(faults=[{"on": "rows", "extra_rows": [{"caller_id_number": "206-555-0144", "n": "5"}]}])
    ask_fcc()
    assert FccComplaintCount.objects.count() == 0
    assert list(FccNumber.objects.values_list("e164", flat=True)) == [NUMBER]


# Turned off -----------------------------------------------------------------------------------------------------------


def test_nothing_is_asked_if_the_setting_is_off(fcc, settings):
    monitor(NUMBER)
    settings.FCC = replace(settings.FCC, fetch=False)
    ask_fcc()
    assert fcc.requests() == []
    assert not FccNumber.objects.exists()


def test_nothing_is_asked_while_an_operator_has_turned_it_off(fcc):
    monitor(NUMBER)
    dataset.get_dataset()
    FccDataset.objects.update(is_enabled=False)
    ask_fcc()
    assert fcc.requests() == []
    FccDataset.objects.update(is_enabled=True)
    ask_fcc()
    assert asked_for(fcc) == [[write_number(NUMBER)]]


def test_turning_it_off_stops_a_run_after_the_batch_in_progress(fcc, settings, now):
    settings.FCC = replace(settings.FCC, batch_size=1)
    monitor_many(2)
    dataset.check_version(now)
    asking.add_numbers(after="")
    assert asking.ask_batch(now) == 1
    FccDataset.objects.update(is_enabled=False)
    assert asking.ask_batch(now) == 0
    assert len(fcc.requests("rows")) == 1


# Failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "minutes"),
    [
        ({"status": 500}, 5),
        ({"body": "<html>Maintenance</html>"}, 5),
        ({"extra_rows": [{"caller_id_number": write_number(NUMBER)}]}, 5),
        ({"status": 429}, 5),
        ({"status": 429, "headers": {"Retry-After": "1200"}}, 20),
        ({"status": 503, "headers": {"Retry-After": "60"}}, 1),
        ({"status": 400}, 60),
        ({"status": 403}, 60),
        ({"status": 404}, 60),
        ({"status": 414}, 5),
    ],
)
def test_failure_stores_nothing_and_pauses_all_questions(fcc, now, fault, minutes):
    monitor(NUMBER)
    fcc.set(rows=[make_complaint(NUMBER, date(2026, 10, 3))], faults=[fault | {"on": "rows"}])
    dataset.check_version(now)
    asking.add_numbers(after="")
    assert asking.ask_batch(now) == 0
    state = FccDataset.objects.get()
    assert (state.failures, state.failed_at, state.next_action_at) == (1, now, now + timedelta(minutes=minutes))
    assert state.last_failure
    assert not FccComplaintCount.objects.exists()
    before = now + timedelta(minutes=minutes) - timedelta(seconds=1)
    dataset.check_version(before)
    assert asking.ask_batch(before) == 0
    assert len(fcc.requests()) == 2
    assert asking.ask_batch(before + timedelta(seconds=1)) == 1
    state.refresh_from_db()
    assert (state.failures, state.next_action_at) == (0, None)
    assert FccComplaintCount.objects.get().count == 1


def test_pause_doubles_with_each_failure_up_to_six_hours(fcc, now):
    monitor(NUMBER)
    dataset.check_version(now)
    asking.add_numbers(after="")
    fcc.set(faults=[{"status": 500, "stays": True}])
    pauses = []
    for _ in range(9):
        asking.ask_batch(now)
        after = FccDataset.objects.get().next_action_at
        pauses.append((after - now) // timedelta(minutes=1))
        now = after
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 360, 360]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 403},
        {"status": 404},
        {"status": 429},
        {"body": "<html>"},
        {"body": "[]"},
        {"body": "{}"},
    ],
)
def test_failure_of_the_description_pauses_too(fcc, fault):
    monitor(NUMBER)
    fcc.set(faults=[fault | {"on": "metadata"}])
    ask_fcc()
    ask_fcc()
    assert [request["on"] for request in fcc.requests()] == ["metadata"]
    assert FccDataset.objects.get().failures == 1
    ask_again(fcc)
    assert len(asked_for(fcc)) == 1


def test_failure_of_the_second_question_stores_nothing(fcc, now):
    monitor(NUMBER)
    fcc.set(rows=[make_complaint(NUMBER, now.date())], faults=[{"on": "days", "status": 500}])
    ask_fcc()
    assert not FccComplaintCount.objects.exists()
    assert FccNumber.objects.get().asked_at is None


def test_batch_that_is_too_large_is_halved_at_once(fcc, settings):
    settings.FCC = replace(settings.FCC, batch_size=8)
    monitor_many(8)
    fcc.set(faults=[{"on": "rows", "status": 414}] * 2)
    ask_fcc()
    assert [len(batch) for batch in asked_for(fcc)] == [8, 4, 4, 2, 2]
    assert set(FccNumber.objects.values_list("rows_updated_at", "attempts")) == {(VERSION, 0)}
    assert FccDataset.objects.get().failures == 0


def test_answer_with_more_rows_than_the_limit_is_asked_for_in_smaller_batches(fcc, settings, monkeypatch):
    monkeypatch.setattr(client, "MAX_ROWS", 3)
    numbers = monitor_many(4)
    fcc.set(rows=[make_complaint(number, date(2026, 9, 1)) for number in numbers])
    ask_fcc()
    assert sorted(FccComplaintCount.objects.values_list("number__e164", "count")) == [(n, 1) for n in sorted(numbers)]


def test_numbers_whose_batch_failed_come_last_in_a_smaller_batch(fcc, settings, now):
    settings.FCC = replace(settings.FCC, batch_size=4)
    first = sorted(map(write_number, monitor_many(4)))
    fcc.set(faults=[{"on": "rows", "status": 500}])
    ask_fcc()
    second = sorted(map(write_number, monitor_many(4)))
    ask_again(fcc)
    failed, *batches = asked_for(fcc)
    assert sorted(failed) == first
    assert sorted(batches[0]) == second
    assert [len(batch) for batch in batches] == [4, 2, 2]


# The throttle ---------------------------------------------------------------------------------------------------------


def test_no_more_requests_than_the_setting_are_sent_in_an_hour(fcc, settings, now):
    settings.FCC = replace(settings.FCC, batch_size=1, requests_per_hour=10)
    monitor_many(12)
    ask_fcc()
    assert len(fcc.requests()) == 10
    ask_fcc()
    assert len(fcc.requests()) == 10
    assert FccDataset.objects.get().failures == 0
    assert not FccNumber.objects.exclude(lease_token="").exists(), "the waiting numbers are free"
    FccDataset.objects.update(hour_started_at=now - timedelta(hours=1))
    ask_fcc()
    assert FccNumber.objects.asked().count() == 12


def test_hour_begins_with_its_first_request(fcc, settings, now):
    settings.FCC = replace(settings.FCC, requests_per_hour=10)
    dataset.get_dataset()
    assert [dataset.take_request(now) for _ in range(12)] == [True] * 10 + [False] * 2
    assert not dataset.take_request(now + timedelta(minutes=59))
    assert dataset.take_request(now + timedelta(minutes=60))
    assert FccDataset.objects.get().requests_in_hour == 1


# Queries --------------------------------------------------------------------------------------------------------------


def test_query_count_is_the_same_for_1_and_100_numbers(fcc, settings, now):
    settings.FCC = replace(settings.FCC, batch_size=100)
    dataset.check_version(now)
    counts = []
    for count in (1, 100):
        numbers = monitor_many(count)
        fcc.set(rows=[make_complaint(number, now.date()) for number in numbers])
        with CaptureQueriesContext(connection) as queries:
            assert asking.add_numbers(after="")[0] == count
            assert asking.ask_batch(now) == count
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 24


def test_idle_run_writes_nothing(fcc, now):
    monitor(NUMBER)
    ask_fcc()
    with CaptureQueriesContext(connection) as queries:
        dataset.check_version(now)
        assert asking.add_numbers(after="") == (0, "")
        assert asking.ask_batch(now) == 0
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []
    assert len(queries) <= 4
