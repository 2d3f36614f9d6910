"""When a cluster is replaced: the rules, without processes."""

import os
import signal
import subprocess
import sys

import pytest

from portal.jobs import reports
from portal.jobs.reports import Report
from portal.jobs.supervisor.activity import Activity
from portal.jobs.supervisor.faults import CANARY_SECONDS, GUARD_SECONDS, START_SECONDS, Waiting, find_fault
from tests.support.waiting import wait_until

NOW = 10_000.0
LONG_AGO = NOW - 1_000
TASK_SECONDS = 120
# No process has this id, so it has no dead child. The process 1 of a machine may have some.
SENTINEL = 0


def build_activity(*, guarded_at: float | None = NOW, started_at: float = LONG_AGO) -> Activity:
    activity = Activity(started_at=started_at)
    if guarded_at is not None:
        activity.note(Report(reports.ALIVE, SENTINEL, "0"), LONG_AGO)
        activity.note(Report(reports.ALIVE, SENTINEL, "0"), guarded_at)
    return activity


def find(activity: Activity, *, canary_since: float | None = LONG_AGO, database_since: float | None = LONG_AGO) -> str:
    return find_fault(activity, Waiting(7, canary_since, database_since), now=NOW, workers=1, task_seconds=TASK_SECONDS)


@pytest.fixture
def suspended():
    """A process that a signal has suspended."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        yield process.pid
        process.kill()


def test_no_canary_for_a_while_is_a_fault():
    assert find(build_activity()) == f"no canary came through for {CANARY_SECONDS} seconds"
    assert find(build_activity(), canary_since=NOW - CANARY_SECONDS) == ""
    assert find(build_activity(), canary_since=None) == ""


def test_a_killed_process_is_a_fault_whatever_else():
    activity = build_activity()
    activity.note(Report(reports.DIED, 1, "monitor SIGKILL"), NOW)
    assert find(activity, canary_since=None, database_since=None) == "monitor was killed by SIGKILL"


@pytest.mark.parametrize("database_since", [None, NOW - 5])
def test_a_database_that_is_absent_or_just_came_back_is_no_fault(database_since):
    assert find(build_activity(), database_since=database_since) == ""
    assert find(build_activity(guarded_at=LONG_AGO), database_since=database_since) == ""
    assert find(build_activity(guarded_at=None), database_since=database_since) == ""


def test_a_cluster_has_time_to_start():
    assert find(build_activity(guarded_at=None, started_at=NOW - START_SECONDS)) == ""
    assert find(build_activity(guarded_at=None)) == f"not started after {START_SECONDS} seconds"


def test_a_sentinel_that_does_nothing_is_a_fault():
    assert "sentinel" in find(build_activity(guarded_at=NOW - GUARD_SECONDS - 1), canary_since=None)
    assert find(build_activity(guarded_at=NOW - GUARD_SECONDS), canary_since=None) == ""


def test_a_cluster_that_begins_and_ends_tasks_is_not_stuck():
    for kind in (reports.BEGAN, reports.ENDED):
        activity = build_activity()
        activity.note(Report(kind, 2, "0"), NOW - CANARY_SECONDS)
        assert find(activity) == ""


@pytest.mark.parametrize(("age", "is_fault"), [(TASK_SECONDS, False), (TASK_SECONDS + 10, True)])
def test_a_busy_worker_is_left_alone_until_its_task_is_over_time(age, is_fault):
    activity = build_activity()
    activity.note(Report(reports.BEGAN, os.getpid(), "0"), NOW - age)
    assert bool(find(activity)) is is_fault


@pytest.fixture
def dead():
    """A process that has ended, and whose parent has not asked how."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


def test_a_worker_that_is_suspended_or_dead_or_gone_is_not_busy(suspended, dead):
    for pid in (suspended, dead, 2**22 + 1):
        activity = build_activity()
        activity.note(Report(reports.BEGAN, pid, "0"), NOW - CANARY_SECONDS - 1)
        assert find(activity).startswith("no canary")


def test_a_monitor_that_takes_no_results_is_a_fault():
    activity = build_activity()
    activity.note(Report(reports.ENDED, 2, "7"), NOW - CANARY_SECONDS - 1)
    assert "monitor" in find(activity)
    activity.note(Report(reports.SAVED, 3, "0"), NOW - 1)
    assert find(activity) == ""


def test_a_cluster_whose_supervisor_is_gone_is_killed_by_its_next_report():
    """It writes to a pipe that nobody reads."""
    reading, writing = os.pipe()
    code = "import time; from portal.jobs import reports\nwhile True: reports.send(reports.ALIVE); time.sleep(0.05)"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {reports.PIPE_VARIABLE: str(writing)},
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    report = reports.parse(os.read(reading, 4096).splitlines()[0])
    assert (report.kind, report.pid) == (reports.ALIVE, process.pid)
    os.close(reading)
    wait_until(lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL
