"""Overdue work is queued again: once, and only if no worker does it and its task does not wait in the queue already."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from portal.jobs import overdue, runner
from portal.jobs.overdue import MIN_INTERVAL, enqueue_overdue
from portal.jobs.runner import run_exclusively
from portal.models import Lease
from reputation.models import Engine, PhoneNumber
from tests.factories import MonitoredNumberFactory
from tests.support.invariants import get_violated

pytestmark = pytest.mark.django_db

LOOK_UP = "reputation.tasks.lookups.look_up_numbers"


@pytest.fixture(autouse=True)
def no_engines() -> None:
    """Migrations and other tests leave engines, which tasks would go on with."""
    Engine.objects.all().delete()


@pytest.fixture
def overdue_number(account) -> PhoneNumber:
    return MonitoredNumberFactory(account=account, next_action_at=timezone.now() - timedelta(minutes=1))


def end_interval() -> None:
    Lease.objects.filter(name__startswith="overdue:").update(lease_until=timezone.now())


def test_overdue_work_is_queued_once(overdue_number):
    assert enqueue_overdue() == [LOOK_UP]
    assert enqueue_overdue() == []
    assert "claims" not in get_violated()
    end_interval()
    assert enqueue_overdue() == [], "its task waits in the queue"
    assert [row.func() for row in OrmQ.objects.all()] == [LOOK_UP]


def test_work_that_is_due_just_now_is_left_to_the_workers(overdue_number, monkeypatch):
    monkeypatch.setattr(overdue, "GRACE", timedelta(minutes=2))
    PhoneNumber.objects.update(next_action_at=timezone.now() + timedelta(hours=1))
    assert enqueue_overdue() == []
    PhoneNumber.objects.update(next_action_at=timezone.now() - timedelta(minutes=1))
    assert enqueue_overdue() == []
    assert not OrmQ.objects.exists()


def test_work_that_a_worker_does_is_not_queued(overdue_number):
    PhoneNumber.objects.update(lease_until=timezone.now() + timedelta(seconds=9), lease_token="of a worker")
    assert enqueue_overdue() == [], "the number is being looked up"
    MonitoredNumberFactory(account=overdue_number.account, next_action_at=timezone.now() - timedelta(minutes=1))
    with run_exclusively("look up numbers:1"):
        assert enqueue_overdue() == [], "a sweep runs, and the other number has its turn"
    assert enqueue_overdue() == [LOOK_UP]


def test_a_task_that_its_worker_took_along_when_it_died_is_queued_anew(overdue_number):
    assert enqueue_overdue() == [LOOK_UP]
    # What the queue does when a worker takes the task: nobody else gets it for ten minutes.
    OrmQ.objects.update(lock=timezone.now() + timedelta(minutes=10))
    end_interval()
    assert enqueue_overdue() == [], "it may begin in a moment"
    age_continuations(runner.LOST_AFTER)
    assert enqueue_overdue() == [LOOK_UP]
    end_interval()
    assert enqueue_overdue() == []
    assert OrmQ.objects.count() == 2


def test_nothing_piles_up_while_no_worker_runs_and_the_queue_is_long(overdue_number):
    for _ in range(5):
        enqueue_overdue()
        age_continuations(timedelta(minutes=1))
        end_interval()
    assert OrmQ.objects.count() == 1


def age_continuations(age: timedelta) -> None:
    """Let what waits in the queue have been queued this much earlier."""
    for row in Lease.objects.filter(name__startswith="waits:", lease_until__isnull=False):
        Lease.objects.filter(pk=row.pk).update(lease_until=row.lease_until - age)
    for entry in OrmQ.objects.all():
        OrmQ.objects.filter(pk=entry.pk).update(lock=entry.lock - age)


def test_work_that_stays_due_is_queued_less_often_but_as_often_as_by_a_schedule(overdue_number):
    PhoneNumber.objects.update(next_action_at=timezone.now() - timedelta(days=1))
    enqueue_overdue()
    begun = timezone.now()
    (until,) = Lease.objects.filter(name="overdue:lookups").values_list("lease_until", flat=True)
    assert MIN_INTERVAL < until - begun <= timedelta(minutes=1)
