"""The supervisor replaces a cluster that dies or is stuck, and only such a cluster."""

import signal
import socket
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from portal.jobs.canary import QUEUE_PREFIX
from portal.models import Canary
from reputation.models import PhoneNumber
from tests.factories import MonitoredNumberFactory
from tests.support.servers import ProgramMissing, temporary_redis
from tests.support.waiting import wait_until
from tests.support.workers import SCRIPT, STOP_SECONDS, is_alive, kill, run_workers

pytestmark = pytest.mark.django_db(transaction=True)

# With shorter bounds than in production, for tests that show that nothing happens.
IMPATIENT_SCRIPT = f"""
from portal.jobs.supervisor import faults
faults.CANARY_SECONDS = 3
{SCRIPT}
"""
# With another bound of the loop.
LOOP_SCRIPT = f"""
import django
django.setup()
from portal.jobs.supervisor import loop
loop.{{bound}}
{SCRIPT}
"""


def test_a_killed_process_of_each_kind_is_followed_by_a_new_cluster(tmp_path):
    with run_workers(tmp_path) as workers:
        for count, role in enumerate(["monitor", "pusher", "worker", "sentinel", "main"], start=1):
            former = workers.get_processes()
            kill(workers.get_processes(role)[:1])
            workers.wait_for_new_cluster(former)
            assert workers.row.replacements == count
        assert workers.row.last_fault == "main was killed by SIGKILL"


def test_a_killed_busy_worker_is_followed_by_a_new_cluster(tmp_path):
    with run_workers(tmp_path, workers=1) as workers:
        former = workers.get_processes()
        async_task("os.system", f"touch {tmp_path}/begun; sleep 600")
        wait_until((tmp_path / "begun").exists)
        kill(workers.get_processes("worker"))
        workers.wait_for_new_cluster(former)


def test_a_cluster_whose_workers_are_suspended_is_replaced(tmp_path):
    with run_workers(tmp_path) as workers:
        former = workers.get_processes()
        kill(workers.get_processes("worker"), signal.SIGSTOP)
        workers.wait_for_new_cluster(former)
        assert workers.row.last_fault.startswith("no canary came through")


def test_a_cluster_whose_monitor_is_suspended_is_replaced(tmp_path):
    with run_workers(tmp_path, script=IMPATIENT_SCRIPT) as workers:
        former = workers.get_processes()
        kill(workers.get_processes("monitor"), signal.SIGSTOP)
        workers.wait_for_new_cluster(former)
        assert workers.row.last_fault.startswith("the monitor has taken no result")


def test_a_sentinel_that_does_not_notice_a_death_is_replaced(tmp_path):
    """A worker that is killed at the end of a task holds a lock that the sentinel waits for. Others still work."""
    with run_workers(tmp_path) as workers:
        former = workers.get_processes()
        kill(workers.get_processes("sentinel"), signal.SIGSTOP)
        kill(workers.get_processes("worker")[:1])
        workers.wait_for_new_cluster(former)
        assert workers.row.last_fault == "the sentinel does not notice that a process died"


def test_one_canary_waits_while_a_cluster_is_stuck(tmp_path):
    with run_workers(tmp_path, script=IMPATIENT_SCRIPT.replace("= 3", "= 12")) as workers:
        kill(workers.get_processes("pusher"), signal.SIGSTOP)
        most = 0

        def is_replaced() -> bool:
            nonlocal most
            most = max(most, OrmQ.objects.filter(key__startswith=QUEUE_PREFIX).count())
            return bool(workers.row.replacements)

        wait_until(is_replaced, seconds=90)
        assert most == 1


def test_busy_workers_are_left_to_their_tasks_and_the_canary_passes_the_queue(tmp_path):
    with run_workers(tmp_path, script=IMPATIENT_SCRIPT, workers=1) as workers:
        former = workers.get_processes()
        async_task("time.sleep", 12)
        for _ in range(100):
            async_task("time.sleep", 1)
        workers.wait_for_canary(seconds=60)
        assert OrmQ.objects.exclude(key__startswith=QUEUE_PREFIX).count() > 50
        assert workers.get_processes() == former
        assert workers.row.replacements == 0


def test_a_database_that_does_not_answer_is_no_reason_to_kill_the_cluster(tmp_path):
    # django-q2's pusher waits for 10 seconds after an error of the database, and then needs some on a busy machine.
    with run_workers(tmp_path, script=IMPATIENT_SCRIPT.replace("= 3", "= 22")) as workers:
        former = workers.get_processes("main", "sentinel", "worker")
        with transaction.atomic():
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute("LOCK TABLE portal_canary, django_q_ormq IN ACCESS EXCLUSIVE MODE")
            # Longer than the bound, its patience with the database and its interval together.
            time.sleep(35)
        workers.wait_for_canary()
        assert (workers.row.replacements, workers.row.last_fault) == (0, "")
        assert workers.get_processes("main", "sentinel", "worker") == former


def test_sigterm_ends_an_idle_cluster_at_once(tmp_path):
    with run_workers(tmp_path) as workers:
        processes = workers.get_processes()
        assert workers.stop() == 0
        assert not any(map(is_alive, processes))


@pytest.mark.parametrize("roles", [("worker", "sentinel"), ("main",)])
def test_sigterm_ends_a_stuck_cluster_within_20_seconds(tmp_path, roles):
    with run_workers(tmp_path) as workers:
        processes = workers.get_processes()
        kill(workers.get_processes(*roles), signal.SIGSTOP)
        assert workers.stop() == 0
        assert not any(map(is_alive, processes))


def test_sigterm_to_all_processes_ends_a_cluster_that_then_hangs_without_its_grace(tmp_path):
    with run_workers(tmp_path, script=LOOP_SCRIPT.format(bound="GRACE_SECONDS = 3_600")) as workers:
        processes = workers.get_processes()
        async_task("os.system", f"touch {tmp_path}/begun; sleep 600")
        wait_until((tmp_path / "begun").exists)
        kill([workers.process.pid, *processes], signal.SIGTERM)
        assert workers.process.wait(STOP_SECONDS) == 0
        assert not any(map(is_alive, processes))


def test_sigterm_lets_a_task_that_runs_end(tmp_path):
    with run_workers(tmp_path, script=LOOP_SCRIPT.format(bound="IDLE_SECONDS = 0.5")) as workers:
        async_task("os.system", f"touch {tmp_path}/begun; sleep 3; touch {tmp_path}/done")
        wait_until((tmp_path / "begun").exists)
        assert workers.stop() == 0
        assert (tmp_path / "done").exists()


@pytest.mark.parametrize("suspended", [(), ("worker", "sentinel")])
def test_a_killed_supervisor_leaves_no_process(tmp_path, suspended):
    with run_workers(tmp_path) as workers:
        processes = workers.get_processes()
        kill(workers.get_processes(*suspended) if suspended else [], signal.SIGSTOP)
        workers.process.kill()
        workers.process.wait()
        wait_until(lambda: not any(map(is_alive, processes)), seconds=30)


def test_systemd_is_told_that_the_workers_are_ready_and_alive(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        with run_workers(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as workers:
            messages = [systemd.recv(4096).decode()]
            while "READY=1" not in messages[-1]:
                messages.append(systemd.recv(4096).decode())
            assert all("WATCHDOG=1" in message for message in messages)
            assert "The last canary came through" in messages[-1]
            workers.process.terminate()
            while "STOPPING=1" not in messages[-1]:
                messages.append(systemd.recv(4096).decode())


def test_two_supervisors_send_canaries_through_their_own_clusters(tmp_path):
    with run_workers(tmp_path / "one") as one, run_workers(tmp_path / "two") as two:
        kill(one.get_processes("pusher"), signal.SIGSTOP)
        number = one.get_last_number()
        two.wait_for_canary()
        assert one.get_last_number() <= number + 1
        assert two.row.replacements == 0


def test_rows_and_canaries_of_supervisors_that_are_gone_are_deleted(tmp_path):
    day = timezone.now() - timedelta(days=2)
    Canary.objects.create(name="gone:1:0000", started_at=day, checked_at=day)
    OrmQ.objects.create(key=f"{QUEUE_PREFIX}gone:1:0000", payload="", lock=day)
    with run_workers(tmp_path) as workers:
        assert [row.name for row in Canary.objects.all()] == [workers.row.name]
        assert not OrmQ.objects.filter(key__contains="gone").exists()


def test_work_that_nobody_does_is_queued(tmp_path, account):
    """The schedules, which would find it, are deleted. So only the supervisor is left."""
    Schedule.objects.all().delete()
    number = MonitoredNumberFactory(account=account, next_action_at=timezone.now() - timedelta(minutes=1))
    with run_workers(tmp_path):
        wait_until(lambda: PhoneNumber.objects.get(pk=number.pk).checked_at)


def test_canaries_go_through_redis(tmp_path):
    try:
        with temporary_redis() as address, run_workers(tmp_path, Q_BROKER_URL=address) as workers:
            workers.wait_for_canary()
            former = workers.get_processes()
            kill(workers.get_processes("monitor"))
            workers.wait_for_new_cluster(former)
    except ProgramMissing as missing:
        pytest.skip(str(missing))
