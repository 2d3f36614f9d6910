"""Asking the FCC about the monitored numbers: which, when and in which batches."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reputation.fcc import asking, dataset
from reputation.models import FccComplaintCount, FccComplaintDay, FccDataset, FccNumber, PhoneNumber
from reputation.tasks.fcc import ask_fcc
from tests.factories import PhoneNumberFactory
from tests.reputation.fcc.questions import ask_again, asked_for, monitor, monitor_many
from tests.support.fcc_complaints import SPOOFED, make_complaint, write_number

pytestmark = pytest.mark.django_db

NUMBER = "+12065550143"
VERSION = 1_791_003_647
OTHER_VERSION = 1_791_090_047


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
