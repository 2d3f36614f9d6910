"""The cost of an idle portal: two task clusters side by side, one with a million numbers and one with ten, none due.

Both run on the demo's clock: sweeps look for work about each second, sixty times as often as in production. Tasks that
run less often are started once at the beginning.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from django.apps import apps
from django.db import connection
from django.test import override_settings

from benchmarks.databases import BenchmarkRun
from benchmarks.report import Result
from portal.jobs.runner import WAITING_PREFIX, enqueue
from portal.models import Lease
from reputation import schedules

ROOT = Path(__file__).parent.parent
SMALL_SIZE = 10
CLUSTER_SCRIPT = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"
# As in the demo: an hour has 180 days.
DAY_SECONDS = 20


def measure(run: BenchmarkRun) -> list[Result]:
    many, seconds = run.large, run.of_size(90, 10)
    clusters = {numbers: _start_cluster(run, numbers) for numbers in (SMALL_SIZE, many)}
    time.sleep(seconds / 2)
    run.use(many)
    names, before = _get_leases(), _count_rows()
    time.sleep(seconds / 2)
    took = {numbers: _stop_cluster(cluster) for numbers, cluster in clusters.items()}
    if new := _get_leases() - names:
        raise SystemExit(f"The first rounds took longer than {seconds / 2} s: {', '.join(sorted(new))}.")
    after = _count_rows()
    return [
        Result(
            f"an idle task cluster, all schedules on, every sweep each second, {many:,} numbers: processor time in "
            f"{seconds} s",
            f"{took[many]:.2f} s",
            f"{SMALL_SIZE} numbers",
            f"{took[SMALL_SIZE]:.2f} s",
            took[many] / took[SMALL_SIZE],
            1.5,
            at_least=False,
        ),
        Result(
            f"the same: rows in all tables at the end, {seconds / 2 / DAY_SECONDS:.1f} days of that clock later",
            f"{after:,}",
            "in the middle",
            f"{before:,}",
            after / before,
            1,
            at_least=False,
        ),
    ]


def _start_cluster(run: BenchmarkRun, numbers: int) -> subprocess.Popen:
    """Start a cluster with all tasks in its queue, because its scheduler waits half a minute before the first look."""
    run.use(numbers)
    with override_settings(SERVICE_DAY=timedelta(seconds=DAY_SECONDS)):
        schedules.sync_schedules()
        for entry in schedules.get_entries():
            enqueue(entry.func)
    variables = {"LOG_LEVEL": "WARNING", "WORKERS": "2", "DAY_SECONDS": str(DAY_SECONDS)}
    environment = os.environ | run.environment(numbers) | variables
    return subprocess.Popen([sys.executable, "-c", CLUSTER_SCRIPT], cwd=ROOT, env=environment)


def _stop_cluster(cluster: subprocess.Popen) -> float:
    """Stop a cluster. Returns the processor seconds of all its processes."""
    cluster.send_signal(signal.SIGTERM)
    _pid, status, used = os.wait4(cluster.pid, 0)
    cluster.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _get_leases() -> set[str]:
    """The names of all leases except those of tasks that wait in the queue, which come and go with them."""
    return set(Lease.objects.exclude(name__startswith=WAITING_PREFIX).values_list("name", flat=True))


def _count_rows() -> int:
    """Rows in all tables except the queue, whose length varies."""
    counted = [model for model in apps.get_models(include_auto_created=True) if model is not Lease]
    tables = [model._meta.db_table for model in counted]
    rows = len(_get_leases())
    with connection.cursor() as cursor:
        for table in tables:
            if table != "django_q_ormq":
                cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
                rows += cursor.fetchone()[0]
    return rows
