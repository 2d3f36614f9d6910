"""A task keeps its claims while its process lives, and gives them back after an error."""

import signal
import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from portal.jobs import renewal
from portal.jobs.claims import LEASE_DURATION, claim, claim_row
from portal.jobs.leases import acquire_lease
from portal.jobs.renewal import keep_claims
from portal.jobs.runner import REST_AFTER_FAILURE, enqueue_again, run_until_done, task
from portal.models import Lease
from reputation.models import PhoneNumber
from tests.factories import MonitoredNumberFactory
from tests.support.processes import start_python
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quick(monkeypatch) -> None:
    """Renewals come at once."""
    monkeypatch.setattr(renewal, "INTERVAL_SECONDS", 0.05)


@pytest.fixture
def number(account, now) -> PhoneNumber:
    return MonitoredNumberFactory(account=account, next_action_at=now)


def end_of(row) -> timedelta:
    return type(row).objects.values_list("lease_until", flat=True).get(pk=row.pk)


def is_renewed(row) -> bool:
    """Move the end of the claim back, and wait until a renewal moves it on."""
    claimed_until = end_of(row)
    type(row).objects.update(lease_until=timezone.now())
    wait_until(lambda: end_of(row) >= claimed_until)
    return True


def renewal_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "renewal"]


def test_claims_of_rows_and_named_leases_are_renewed_within_a_task(number, quick):
    with keep_claims(), acquire_lease("work") as lease:
        assert lease
        claim(PhoneNumber.objects.all(), now=timezone.now(), limit=1)
        assert is_renewed(number)
        assert is_renewed(Lease.objects.get())
    assert renewal_threads() == [], "the thread ends with the task, and its connection with it"


def test_a_claim_that_was_released_or_taken_over_is_not_renewed(number, quick, now):
    with keep_claims():
        held = claim_row(PhoneNumber.objects.all(), number.pk, now=now)
        PhoneNumber.objects.update(lease_token="of another worker", lease_until=now)
        assert held
        with acquire_lease("work") as lease:
            assert lease
            assert is_renewed(Lease.objects.get()), "renewals went on meanwhile"
        assert end_of(number) == now
        PhoneNumber.objects.update(lease_token=held.token)
        assert held.release()
        assert end_of(number) is None
        assert renewal.get_kept_claims() == []


def test_outside_a_task_nothing_is_renewed(number, now):
    assert claim_row(PhoneNumber.objects.all(), number.pk, now=now)
    assert (renewal.get_kept_claims(), renewal_threads()) == ([], [])


def test_the_lease_of_a_waiting_continuation_is_not_renewed():
    """Otherwise it would seem to wait for as long as the task that queued it runs."""
    with keep_claims():
        assert enqueue_again("reputation.tasks.lookups.look_up_numbers")
        assert renewal.get_kept_claims() == []


def test_a_step_that_is_done_stops_the_renewal_of_its_rows(number, now):
    seen = []

    def step() -> int:
        ids = claim(PhoneNumber.objects.all(), now=now, limit=1)[1]
        seen.append([held.ids for held in renewal.get_kept_claims()])
        return len(ids)

    with keep_claims():
        run_until_done("try", step)
    assert seen == [[("sweep:try",), (number.pk,)], [("sweep:try",)]]


@task
def fail_with(error: Exception) -> None:
    claim(PhoneNumber.objects.all(), now=timezone.now(), limit=1)
    raise error


def test_an_outage_gives_the_rows_back_and_counts_no_attempt(number, caplog):
    fail_with(OperationalError("server closed the connection unexpectedly"))
    number.refresh_from_db()
    assert (number.lease_token, number.lease_until, number.attempts) == ("", None, 0)
    fail_with(OperationalError("server closed the connection unexpectedly"))
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "All work waits, and nothing is lost" in record.message, "it is logged once"
    assert record.exc_info is None


def test_rows_of_a_chunk_that_failed_rest_so_that_providers_are_not_asked_again_and_again(number, now, caplog):
    fail_with(ValueError("wrong"))
    number.refresh_from_db()
    assert number.lease_until >= now + REST_AFTER_FAILURE
    assert number.attempts == 1
    assert "fail_with failed" in caplog.text


def test_a_lease_from_before_the_clock_was_set_back_holds_nobody_up(number, now):
    assert claim_row(PhoneNumber.objects.all(), number.pk, now=now + timedelta(hours=1))
    assert claim_row(PhoneNumber.objects.all(), number.pk, now=now)


HOLD = """
import django; django.setup()
import time
from portal.jobs import renewal
from portal.jobs.leases import acquire_lease
from portal.jobs.renewal import keep_claims
renewal.INTERVAL_SECONDS = 0.2
with keep_claims(), acquire_lease("work"):
    time.sleep(600)
"""


def test_a_killed_process_keeps_others_out_for_ten_seconds_at_most():
    worker = start_python(HOLD)
    try:
        wait_until(lambda: Lease.objects.filter(lease_until__isnull=False).exists())
        first_end = Lease.objects.get().lease_until
        wait_until(lambda: Lease.objects.get().lease_until > first_end)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    assert Lease.objects.get().lease_until <= timezone.now() + LEASE_DURATION
    later = Lease.objects.get().lease_until
    assert claim_row(Lease.objects.all(), "work", now=later - timedelta(seconds=1)) is None
    assert claim_row(Lease.objects.all(), "work", now=later)
