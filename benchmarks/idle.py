"""What an idle portal costs: two task clusters side by side, one with a million numbers and one with ten, of which none
is due. Both run on the demo's clock, on which every sweep looks for work each second or so, and so some sixty times as
often as on a real one; what is not in those rounds is begun once, at the start."""

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
from portal.jobs.runner import enqueue
from portal.models import Lease
from reputation import schedules

ROOT = Path(__file__).parent.parent
SMALL_SIZE = 10
CLUSTER_SCRIPT = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"
# The demo's, on which an hour has half a year of days.
DAY_SECONDS = 20


def measure(run: BenchmarkRun) -> list[Result]:
    many, seconds = run.large, run.of_size(90, 10)
    clusters = {numbers: _start_cluster(run, numbers) for numbers in (SMALL_SIZE, many)}
    time.sleep(seconds / 2)
    run.use(many)
    names, before = set(Lease.objects.values_list("name", flat=True)), _count_rows()
    time.sleep(seconds / 2)
    took = {numbers: _stop_cluster(cluster) for numbers, cluster in clusters.items()}
    if new := set(Lease.objects.values_list("name", flat=True)) - names:
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
    """Begun with all its tasks in the queue, since the scheduler first looks after half a minute."""
    run.use(numbers)
    with override_settings(DAY=timedelta(seconds=DAY_SECONDS)):
        schedules.sync_schedules()
        for entry in schedules.get_entries():
            enqueue(entry.func)
    also = {"LOG_LEVEL": "WARNING", "WORKERS": "2", "DAY_SECONDS": str(DAY_SECONDS)}
    environment = os.environ | run.environment(numbers) | also
    return subprocess.Popen([sys.executable, "-c", CLUSTER_SCRIPT], cwd=ROOT, env=environment)


def _stop_cluster(cluster: subprocess.Popen) -> float:
    """Seconds of processor time that it and all its processes took."""
    cluster.send_signal(signal.SIGTERM)
    _pid, status, used = os.wait4(cluster.pid, 0)
    cluster.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _count_rows() -> int:
    """What waits in the queue is left out, since it comes and goes."""
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    rows = 0
    with connection.cursor() as cursor:
        for table in tables:
            if table != "django_q_ormq":
                cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
                rows += cursor.fetchone()[0]
    return rows
