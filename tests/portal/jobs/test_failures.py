"""Failures of tasks are stored: equal ones as one row, which is over once the task succeeds."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.jobs import failures
from portal.jobs.runner import task
from portal.models import TaskFailure

pytestmark = pytest.mark.django_db

# What the task below does. Tests change it.
faults: dict[str, Exception | None] = {}


@task
def check_door(*args: object) -> None:
    if error := faults.get("door"):
        raise error


@task
def check_window() -> None:
    if error := faults.get("window"):
        raise error


@pytest.fixture(autouse=True)
def no_faults():
    faults.clear()


def fail(error: Exception, *args: object) -> TaskFailure:
    faults["door"] = error
    check_door(*args)
    return TaskFailure.objects.latest("last_at")


def test_a_failure_is_stored_with_what_operators_need():
    failure = fail(ValueError("It is locked"), 7, "north")
    assert failure.task == f"{__name__}.check_door"
    assert (failure.exception, failure.message, failure.arguments) == ("ValueError", "It is locked", "7, 'north'")
    assert failure.place.startswith("tests/portal/jobs/test_failures.py:")
    assert failure.place.endswith(", in check_door")
    assert failure.traceback.startswith("Traceback")
    assert failure.traceback.endswith("ValueError: It is locked\n")
    assert failure.count == 1


def test_tasks_return_nothing_whether_they_fail_or_not():
    assert check_door() is None
    faults["door"] = ValueError()
    assert check_door() is None


def test_equal_failures_are_one_row():
    for reason in ("first", "second", "third"):
        failure = fail(ValueError(reason), reason)
    assert TaskFailure.objects.get() == failure
    assert (failure.count, failure.message, failure.arguments) == (3, "third", "'third'")
    assert failure.first_at < failure.last_at


def test_failures_of_other_kinds_and_tasks_are_other_rows():
    fail(ValueError())
    fail(KeyError())
    faults["window"] = ValueError()
    check_window()
    assert TaskFailure.objects.count() == 3


def test_a_failure_is_over_once_the_task_succeeds():
    faults["window"] = ValueError()
    check_window()
    fail(ValueError())
    faults["door"] = None
    check_door()
    assert set(TaskFailure.objects.open().values_list("task", flat=True)) == {f"{__name__}.check_window"}


def test_success_of_a_run_that_began_before_the_failure_does_not_end_it():
    failure = fail(ValueError())
    failures.record_success(failure.task, started_at=failure.last_at - timedelta(seconds=1))
    assert TaskFailure.objects.open().exists()


def test_a_failure_that_comes_back_after_it_was_over_is_open_and_unseen():
    failure = fail(ValueError())
    TaskFailure.objects.update(seen_at=timezone.now())
    faults["door"] = None
    check_door()
    failure = fail(ValueError())
    assert (failure.ended_at, failure.seen_at, failure.count) == (None, None, 2)


def test_a_failure_that_goes_on_stays_seen():
    fail(ValueError())
    TaskFailure.objects.update(seen_at=timezone.now())
    assert fail(ValueError()).seen_at


def test_success_is_noticed_if_another_process_stored_the_failure(monkeypatch):
    fail(ValueError())
    faults["door"] = None
    monkeypatch.setattr(failures, "_memory", failures._Memory())
    check_door()
    assert not TaskFailure.objects.open().exists()


def test_success_of_a_task_without_failures_asks_once_a_minute(monkeypatch):
    monkeypatch.setattr(failures, "_memory", failures._Memory())
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            failures.record_success("a.task", started_at=timezone.now())
        counts.append(len(queries))
    assert counts == [1, 0, 0]


def test_texts_are_masked_shortened_and_storable(now):
    error = ValueError("token=abcdef \x00 \udc80" + "x" * 5_000)
    described = failures.describe_failure("a.task", ("y\udcff" * 2_000,), error, now=now)
    failures.store_failure(described)
    failure = TaskFailure.objects.get()
    assert failure.message.startswith("token=***  ?xxx")
    assert (len(failure.message), len(failure.arguments)) == (1_000, 500)
    assert "abcdef" not in failure.traceback


def test_both_ends_of_a_long_traceback_are_kept():
    failure = fail(ValueError("x" * 30_000 + "the end"))
    assert len(failure.traceback) <= failures.MAX_TRACEBACK
    assert failure.traceback.startswith("Traceback")
    assert failure.traceback.endswith("the end\n")


def test_a_failure_that_cannot_be_stored_is_stored_later():
    """The database is away, both for the task and for its failure."""

    def refuse(*args: object) -> None:
        raise OperationalError("The database is away")

    faults["door"] = OperationalError("The database is away")
    with connection.execute_wrapper(refuse):
        assert check_door() is None
    assert not TaskFailure.objects.exists()
    check_window()
    failure = TaskFailure.objects.get()
    assert (failure.task, failure.count) == (f"{__name__}.check_door", 1)


def test_an_error_whose_text_cannot_be_made_does_not_stop_the_worker():
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    faults["door"] = BrokenError()
    assert check_door() is None
