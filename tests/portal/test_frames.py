"""Requests and tasks take no memory for frames again and again, however deeply their callers are nested."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest
from django.urls import reverse

from portal.frames import with_room_for_frames
from portal.jobs.runner import task
from tests.factories import PhoneNumberFactory

# A chunk of 16 KiB has room for fewer frames than this.
MAX_DEPTH = 200


def count_faults(call: Callable[[], object], *, depth: int) -> int:
    """The page faults of a call below so many others. The fewest of three: now and then memory is needed anew."""
    if depth:
        return count_faults(call, depth=depth - 1)
    counts = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        call()
        counts.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
    return min(counts)


def count_most_faults(call: Callable[[], object], *, step: int) -> int:
    """The page faults of the call at the depth where it has most of them."""
    return max(count_faults(call, depth=depth) for depth in range(0, MAX_DEPTH, step))


def call_in_a_loop() -> None:
    for _ in range(500):
        leaf(1, 2)


def leaf(first: int, second: int) -> int:
    return first + second


def test_calls_in_a_loop_take_no_memory_each():
    with_room = with_room_for_frames(lambda: call_in_a_loop())
    # Without the room, at some depth one for each of the 500 calls.
    assert count_most_faults(with_room, step=1) < 50


@pytest.mark.django_db
def test_calls_in_a_loop_of_a_task_take_no_memory_each():
    counts = []

    @task
    def work() -> None:
        counts.append(count_faults(call_in_a_loop, depth=0))

    def run_below(depth: int) -> None:
        run_below(depth - 1) if depth else work()

    for depth in range(MAX_DEPTH):
        run_below(depth)
    assert len(counts) == MAX_DEPTH
    assert max(counts) < 50


@pytest.mark.django_db
def test_rows_of_a_page_take_no_memory_each(account, as_viewer):
    for _ in range(50):
        PhoneNumberFactory(account=account)
    url = reverse("number-reputation")
    as_viewer.get(url)
    assert count_most_faults(lambda: as_viewer.get(url), step=4) < 100
