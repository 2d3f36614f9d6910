"""What a failure costs, and the throttle of the questions to the FCC."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from reputation.fcc import asking, client, dataset
from reputation.models import FccComplaintCount, FccDataset, FccNumber
from reputation.tasks.fcc import ask_fcc
from tests.reputation.fcc.questions import ask_again, asked_for, monitor, monitor_many
from tests.support.fcc_complaints import make_complaint, write_number

pytestmark = pytest.mark.django_db

NUMBER = "+12065550143"
VERSION = 1_791_003_647


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
