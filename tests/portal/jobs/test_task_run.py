"""What a task does once at its end, and what it remembers until then."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from portal.jobs.task_run import MAX_ITEMS, call_at_end, recall, remember, task_run

calls: list[list[object]] = []


def handle(items: list[object]) -> None:
    calls.append(items)


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


@task_run()
def fail(error: Exception) -> None:
    call_at_end(handle, [1])
    raise error


def test_a_handler_is_called_once_at_the_end_with_all_items():
    with task_run():
        call_at_end(handle, [1, 2])
        call_at_end(handle, [3])
        assert calls == []
    assert calls == [[1, 2, 3]]


def test_a_handler_is_called_immediately_outside_of_tasks():
    call_at_end(handle, [1])
    assert calls == [[1]]


def test_a_handler_is_called_in_between_when_many_items_wait():
    with task_run():
        call_at_end(handle, range(MAX_ITEMS))
        assert [len(items) for items in calls] == [MAX_ITEMS]
        call_at_end(handle, [1])
    assert calls[1:] == [[1]]


def test_a_handler_is_called_when_the_task_fails():
    with pytest.raises(ValueError, match="wrong"):
        fail(ValueError("wrong"))
    assert calls == [[1]]


def test_no_handler_waits_for_a_database_that_is_away():
    with pytest.raises(OperationalError):
        fail(OperationalError("server closed the connection unexpectedly"))
    assert calls == []


def test_a_task_remembers_until_its_end():
    with task_run():
        remember("key", 7)
        assert recall("key") == 7
        assert recall("other") is None
    assert recall("key") is None


def test_nothing_is_remembered_outside_of_tasks():
    remember("key", 7)
    assert recall("key") is None
