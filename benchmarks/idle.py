"""What an idle portal costs: a task cluster with all schedules on, with a million numbers against ten. And what it adds
to the database on the demo's clock, on which every task runs each second or so."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.apps import apps
from django.db import connection
from django_q.models import Schedule

from benchmarks.databases import Run
from benchmarks.report import Row

ROOT = Path(__file__).parent.parent
FEW = 10
CLUSTER = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"
# The demo's, on which an hour has half a year of days.
DAY_SECONDS = 20


def measure(run: Run) -> list[Row]:
    many, seconds, later = run.large, run.of_size(30, 4), run.of_size(30, 2)
    took = {numbers: _processor_seconds(run, numbers, seconds) for numbers in (FEW, many)}
    before, after = _rows_added(run, many, later)
    return [
        Row(
            f"an idle task cluster, all schedules due at once and then each in its time, {many:,} numbers: processor "
            f"time in {seconds} s",
            f"{took[many]:.2f} s",
            f"{FEW} numbers",
            f"{took[FEW]:.2f} s",
            took[many] / took[FEW],
            1.5,
            at_least=False,
        ),
        Row(
            f"the same on the demo's clock, {later} s later: rows in all tables",
            f"{after:,}",
            "before",
            f"{before:,}",
            after / before,
            1,
            at_least=False,
        ),
    ]


def _processor_seconds(run: Run, numbers: int, seconds: float) -> float:
    """Of the cluster and all its processes, in so many seconds, its start among them."""
    run.use(numbers)
    if not Schedule.objects.exists():
        raise SystemExit("There are no schedules.")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    cluster = _cluster(run, numbers)
    time.sleep(seconds)
    _stop(cluster)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _rows_added(run: Run, numbers: int, seconds: float) -> tuple[int, int]:
    """How many rows there are after the cluster's first rounds, and so many seconds later; what waits in the queue is
    left out, since it comes and goes."""
    run.use(numbers)
    cluster = _cluster(run, numbers, DAY_SECONDS=str(DAY_SECONDS))
    time.sleep(run.of_size(20, 3))
    before = _rows()
    time.sleep(seconds)
    after = _rows()
    _stop(cluster)
    return before, after


def _rows() -> int:
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    rows = 0
    with connection.cursor() as cursor:
        for table in tables:
            if table != "django_q_ormq":
                cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
                rows += cursor.fetchone()[0]
    return rows


def _cluster(run: Run, numbers: int, **also: str) -> subprocess.Popen:
    environment = os.environ | run.environment(numbers) | {"LOG_LEVEL": "WARNING", "WORKERS": "2"} | also
    return subprocess.Popen([sys.executable, "-c", CLUSTER], cwd=ROOT, env=environment)


def _stop(cluster: subprocess.Popen) -> None:
    cluster.send_signal(signal.SIGTERM)
    cluster.wait(60)
