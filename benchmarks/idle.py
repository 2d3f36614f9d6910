"""What an idle portal costs: a task cluster with all schedules on, with a million numbers against ten."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from django_q.models import Schedule

from benchmarks.databases import Run
from benchmarks.report import Row

ROOT = Path(__file__).parent.parent
FEW = 10
CLUSTER = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"


def measure(run: Run) -> list[Row]:
    many, seconds = run.of_size(1_000_000, 100_000), run.of_size(40, 12)
    took = {numbers: _processor_seconds(run, numbers, seconds) for numbers in (FEW, many)}
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
        )
    ]


def _processor_seconds(run: Run, numbers: int, seconds: float) -> float:
    """Of the cluster and all its processes, in so many seconds, its start among them."""
    run.use(numbers)
    if not Schedule.objects.exists():
        raise SystemExit("There are no schedules.")
    environment = os.environ | run.environment(numbers) | {"LOG_LEVEL": "WARNING", "WORKERS": "2"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    cluster = subprocess.Popen([sys.executable, "-c", CLUSTER], cwd=ROOT, env=environment)
    time.sleep(seconds)
    cluster.send_signal(signal.SIGTERM)
    cluster.wait(60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
