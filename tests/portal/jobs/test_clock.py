"""A clock that was an hour fast and is right again: what was due by it is done now, and not in an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from django_q.models import Schedule

from portal.jobs.claims import claim_row, unclaimed
from portal.jobs.clock import INTERVAL, REPEAT_FOR, look_at_clock
from portal.jobs.overdue import enqueue_overdue
from portal.jobs.queues.database import DatabaseQueue
from portal.jobs.runner import enqueue, enqueue_again
from portal.models import Canary, Heartbeat, Lease
from reputation.models import NumberImport, PhoneNumber
from tests.factories import MonitoredNumberFactory
from tests.support.invariants import get_violated

pytestmark = pytest.mark.django_db

TASK = "portal.webhooks.tasks.deliver"
NOW = datetime.fromisoformat("2026-11-26T15:00:00+00:00")
FAST = NOW + timedelta(hours=1)


@pytest.fixture
def clock():
    """An hour fast, and seen by a supervisor."""
    with time_machine.travel(FAST, tick=False) as clock:
        look_at_clock()
        yield clock


def test_what_was_due_by_the_fast_clock_is_due_now(account, clock):
    due = MonitoredNumberFactory(account=account, next_action_at=FAST + timedelta(seconds=20))
    tomorrow = MonitoredNumberFactory(account=account, next_action_at=FAST + timedelta(days=1))
    clock.move_to(NOW)
    look_at_clock()
    assert list(PhoneNumber.objects.filter(next_action_at__lte=NOW)) == [due]
    tomorrow.refresh_from_db()
    assert tomorrow.next_action_at == FAST + timedelta(days=1)


def test_a_task_that_was_queued_by_the_fast_clock_is_taken_now(clock):
    enqueue(TASK)
    clock.move_to(NOW)
    look_at_clock()
    clock.move_to(NOW + timedelta(seconds=1))
    assert DatabaseQueue(list_key="portal").dequeue()


def test_schedules_go_on(clock):
    schedule = Schedule.objects.create(func=TASK, next_run=FAST + timedelta(minutes=1))
    clock.move_to(NOW)
    look_at_clock()
    schedule.refresh_from_db()
    assert schedule.next_run == NOW


def test_claims_of_the_fast_clock_are_free(clock):
    enqueue_again(TASK)
    Lease.objects.create(name="a sweep")
    assert claim_row(Lease.objects.all(), "a sweep", now=FAST)
    clock.move_to(NOW)
    look_at_clock()
    assert Lease.objects.filter(unclaimed(NOW)).count() == 2
    assert "claims_end" not in get_violated()


def test_what_a_process_writes_a_little_later_with_a_time_that_it_read_before_is_due_now(account, clock):
    clock.move_to(NOW)
    look_at_clock()
    number = MonitoredNumberFactory(account=account, next_action_at=FAST)
    clock.shift(timedelta(seconds=3))
    look_at_clock()
    number.refresh_from_db()
    assert number.next_action_at == timezone.now()


def test_a_clock_that_was_set_right_is_trusted_after_a_while(account, clock):
    clock.move_to(NOW)
    look_at_clock()
    clock.shift(REPEAT_FOR)
    look_at_clock()
    number = MonitoredNumberFactory(account=account, next_action_at=FAST)
    clock.shift(timedelta(seconds=3))
    look_at_clock()
    number.refresh_from_db()
    assert number.next_action_at == FAST
    assert list(Heartbeat.objects.values_list("name", "at")) == [("clock", NOW + REPEAT_FOR)]


def test_what_last_ran_by_the_fast_clock_does_not_look_alive_for_an_hour(clock):
    Canary.objects.create(name="cluster", started_at=FAST, checked_at=FAST, last_run_at=FAST)
    clock.move_to(NOW)
    look_at_clock()
    assert Canary.objects.get().last_run_at == NOW


def test_an_import_that_waits_since_a_moment_ahead_is_queued_again(account, clock):
    NumberImport.objects.create(
        account=account,
        state=NumberImport.State.APPLYING,
        file_name="numbers.csv",
        size=1,
        received_at=FAST,
        confirmed_at=FAST,
    )
    clock.move_to(NOW)
    look_at_clock()
    assert enqueue_overdue() == ["reputation.tasks.imports.continue_imports"]


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(seconds=20), timedelta(minutes=4)])
def test_clocks_that_differ_by_minutes_change_nothing(account, clock, behind):
    number = MonitoredNumberFactory(account=account, next_action_at=FAST)
    clock.move_to(FAST - behind)
    look_at_clock()
    number.refresh_from_db()
    assert number.next_action_at == FAST
    assert Heartbeat.objects.get(name="clock").at == FAST


def test_a_look_at_a_right_clock_is_one_query(clock, django_assert_num_queries):
    clock.shift(timedelta(seconds=3))
    with django_assert_num_queries(1):
        look_at_clock()
    clock.shift(INTERVAL)
    look_at_clock()
    assert Heartbeat.objects.get(name="clock").at == timezone.now()
