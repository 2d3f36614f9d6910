"""Maintenance: synchronize the engines with the providers, delete old rows, and record the heartbeat."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from portal.models import Heartbeat
from reputation import retention
from reputation.monitoring import engines, retirement
from reputation.numbers import count_triggers

# The heartbeat that pages read to tell whether tasks run.
HEARTBEAT_NAME = "tasks"


@task
def record_heartbeat() -> None:
    """Record that tasks run. A stuck cluster still reports itself as alive, but runs none."""
    Heartbeat.objects.update_or_create(name=HEARTBEAT_NAME, defaults={"at": timezone.now()})


@task
def sync_engines() -> None:
    engines.sync_engines()
    run_until_done("register with new engines", lambda: engines.backfill_new_engines(timezone.now()))
    run_until_done("retire engines", lambda: retirement.retire_engines(timezone.now()))


@task
def prune() -> None:
    for name, step in retention.STEPS.items():
        run_until_done(name, partial(_run_step, step))
    run_until_done("fold counts of numbers", count_triggers.compact)


def _run_step(step: Callable[[datetime], int]) -> int:
    return step(timezone.now())
