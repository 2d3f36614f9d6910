"""Tasks are safe to run concurrently, and a killed worker loses nothing."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from portal.audit import Context
from portal.jobs.runner import run_until_done
from portal.models import AuditEvent, Heartbeat
from reputation.models import Case, Check, PhoneNumber, Registration, Tag
from reputation.monitoring import capability, lookups, observations, verification
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory
from tests.support import processes as child_processes
from tests.support.lookups import get_connection
from tests.support.waiting import wait_until


def run_in_threads(count, work):
    failures = []

    def run():
        try:
            work()
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


@pytest.mark.django_db(transaction=True)
def test_concurrent_look_ups_ask_for_each_number_and_create_each_tag_once(provider, account, now, monkeypatch):
    monkeypatch.setattr(lookups, "CHUNK", 10)
    numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(60)]
    provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers[::3]}

    def work():
        while lookups.look_up_due(now):
            time.sleep(0.005)

    run_in_threads(3, work)
    asked = [number for items in provider.called("look_up") for number in items]
    assert sorted(asked) == sorted(number.e164 for number in numbers)
    assert Tag.objects.count() == Case.objects.count() == AuditEvent.objects.filter(code="tag.detected").count() == 20
    assert set(Check.objects.values_list("looks", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_verify_and_advance_each_row_once(provider, account, now, monkeypatch):
    monkeypatch.setattr(verification, "CHUNK", 10)
    numbers = [PhoneNumberFactory(account=account) for _ in range(30)]
    capability.enable([number.pk for number in numbers], context=Context.system(now))

    def work():
        while verification.verify_due(now):
            time.sleep(0.005)

    run_in_threads(3, work)
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) == {"on"}
    assert AuditEvent.objects.filter(code="capability.on").count() == 30
    provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
    lookups.look_up_due(timezone.now())
    run_in_threads(3, lambda: import_string("reputation.remediation.sweep.advance_due")(timezone.now()))
    keys = [request.idempotency_key for items in provider.called("submit") for request in items]
    assert len(keys) == len(set(keys)) == 30
    assert AuditEvent.objects.filter(code="case.submitted").count() == 30


@pytest.mark.django_db(transaction=True)
def test_same_observations_applied_concurrently_create_each_tag_once(provider, account, now):
    numbers = [MonitoredNumberFactory(account=account) for _ in range(20)]
    provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
    said = provider.look_up([number.e164 for number in numbers])
    of_operator = get_connection()
    run_in_threads(3, lambda: observations.apply_observations(said, connection=of_operator, now=now))
    assert Tag.objects.count() == Case.objects.count() == AuditEvent.objects.filter(code="case.opened").count() == 20


@pytest.mark.django_db(transaction=True)
def test_one_process_at_a_time_runs_a_sweep():
    ran = []

    def step():
        ran.append(1)
        time.sleep(0.2)
        return 0

    run_in_threads(3, lambda: run_until_done("one at a time", step))
    assert len(ran) == 1


KILLED_WORKER_SCRIPT = """
import django; django.setup()
import os, signal
from django.utils import timezone
from reputation.monitoring import lookups
from reputation.providers.simulated import SimulatedProvider
really = SimulatedProvider.look_up
def die(self, numbers):
    really(self, numbers)
    os.kill(os.getpid(), signal.SIGKILL)
SimulatedProvider.look_up = die
lookups.look_up_due(timezone.now())
"""


@pytest.mark.django_db(transaction=True)
def test_numbers_of_a_killed_worker_are_looked_up_after_its_claim_expires(account):
    now = timezone.now()
    numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(5)]
    assert child_processes.start_python(KILLED_WORKER_SCRIPT).wait(60) == -9
    assert PhoneNumber.objects.exclude(lease_token="").count() == len(numbers)
    assert lookups.look_up_due(timezone.now()) == 0
    PhoneNumber.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert lookups.look_up_due(timezone.now()) == len(numbers)
    assert set(PhoneNumber.objects.values_list("spam_status", flat=True)) == {"clean"}


@pytest.mark.django_db(transaction=True)
def test_cluster_runs_queued_sweeps(account, tmp_path):
    """Tasks are queued as by a schedule, and run by a cluster in a subprocess."""
    Schedule.objects.all().delete()
    numbers = [PhoneNumberFactory(account=account) for _ in range(3)]
    capability.enable([number.pk for number in numbers], context=Context.system(timezone.now()))
    async_task("reputation.tasks.maintenance.record_heartbeat")
    async_task("reputation.tasks.verification.verify_numbers")
    run = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"
    cluster = child_processes.start_python(run, DATA_DIR=str(tmp_path), WORKERS="1", TMPDIR=str(tmp_path))
    try:
        until = time.monotonic() + 40
        while time.monotonic() < until and not (
            Heartbeat.objects.exists() and Registration.objects.filter(state="pending").count() >= 3 * len(numbers)
        ):
            time.sleep(0.2)
    finally:
        cluster.terminate()
        cluster.wait(30)
    assert Heartbeat.objects.get(name="tasks").at
    of_simulated = Registration.objects.filter(engine__roles__provider="simulated", engine__roles__role="register")
    assert of_simulated.filter(state="pending").count() == 3 * len(numbers)
    assert not OrmQ.objects.exists()


# A cluster whose tasks do one chunk of ten rows at a time.
IMPATIENT_CLUSTER_SCRIPT = """
import django; django.setup()
from portal.jobs import runner
from reputation.monitoring import verification
runner.BUDGET_SECONDS = 0
verification.CHUNK = 10
from django.core.management import execute_from_command_line as run
run(["manage.py", "qcluster"])
"""


@pytest.mark.django_db(transaction=True)
def test_one_worker_looks_up_a_number_amid_the_registrations_of_another_account(account, tmp_path):
    """A large verification does not keep look-ups waiting until it is done."""
    Schedule.objects.all().delete()
    now = timezone.now()
    large = [PhoneNumberFactory(account=account) for _ in range(20)]
    capability.enable([number.pk for number in large], context=Context.system(now))
    other = MonitoredNumberFactory(next_action_at=now)
    async_task("reputation.tasks.verification.verify_numbers")
    async_task("reputation.tasks.lookups.look_up_numbers")
    waiting = Registration.objects.filter(number__in=large, state="waiting")
    cluster = child_processes.start_python(
        IMPATIENT_CLUSTER_SCRIPT, DATA_DIR=str(tmp_path), WORKERS="1", TMPDIR=str(tmp_path)
    )
    try:
        wait_until(lambda: not waiting.exists() and PhoneNumber.objects.get(pk=other.pk).checked_at)
    finally:
        cluster.terminate()
        cluster.wait(30)
    asked_at = sorted(Registration.objects.filter(number__in=large).values_list("asked_at", flat=True))
    assert asked_at[0] < PhoneNumber.objects.get(pk=other.pk).checked_at < asked_at[-1]
