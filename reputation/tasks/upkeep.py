"""Keeping house: the engines in step with the providers, old rows thrown away, and a sign of life."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.utils import timezone

from portal.jobs.runner import sweep, task
from portal.models import Heartbeat
from reputation import retention
from reputation.monitoring import engines
from reputation.numbers import count_triggers

# What a page asks for to say whether the tasks run.
HEARTBEAT = "tasks"


@task
def canary() -> None:
    """Says that tasks run: a stuck cluster goes on reporting itself as alive, but runs none."""
    Heartbeat.objects.update_or_create(name=HEARTBEAT, defaults={"at": timezone.now()})


@task
def keep_engines_in_step() -> None:
    engines.sync_engines()
    sweep("register with new engines", lambda: engines.register_monitored(timezone.now()))
    sweep("let go of unused engines", lambda: engines.let_go_unused(timezone.now()))


@task
def prune() -> None:
    for name, step in retention.EVERYTHING.items():
        sweep(name, partial(_now, step))
    sweep("fold counts of numbers", count_triggers.fold)


def _now(step: Callable[[datetime], int]) -> int:
    return step(timezone.now())
