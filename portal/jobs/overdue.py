"""Queue the tasks of overdue work: work that is due for some seconds and that no worker does.

Usually a change queues its task, and the schedules find the rest within a minute. Both need a working cluster: a task
that was taken from the queue by a worker that died is not given to another one for ten minutes. So the supervisor of
the workers (portal/jobs/supervisor) calls enqueue_overdue every few seconds.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from secrets import token_hex

from django.db.models import Q
from django.utils import timezone

from portal.jobs.claims import unclaimed
from portal.jobs.runner import SWEEP_PREFIX, enqueue_again
from portal.jobs.work import DueWork, due_work
from portal.models import Lease

logger = logging.getLogger(__name__)

# A worker that is free takes new work sooner.
GRACE = timedelta(seconds=2)
# How soon a task is queued again if its work stays due. The longer it does, the longer: at most as often as a schedule.
MIN_INTERVAL = timedelta(seconds=10)
MAX_INTERVAL = timedelta(seconds=60)
# Begins the name of the lease that exists for such an interval.
OVERDUE_PREFIX = "overdue:"


def enqueue_overdue() -> list[str]:
    """Queue the task of each kind of work that is overdue; return the paths of the tasks that were queued.

    A task whose sweep runs, or which waits in the queue already, is not queued. Several processes may call it at once.
    One query for each kind of work, and a few more if something is overdue. Raises what the database raises.
    """
    now = timezone.now()
    overdue = [work for work in due_work(now, only_cheap=True) if work.is_overdue(now, GRACE)]
    if not overdue:
        return []
    held = _get_held_leases(now)
    queued: list[str] = []
    for work in overdue:
        if work.kind.task in queued or _runs(work, held) or _get_interval_name(work) in held:
            continue
        if enqueue_again(work.kind.task):
            queued.append(work.kind.task)
            _begin_interval(work, now)
            logger.info("%s: due since %s, queued again", work.kind.label, work.since.isoformat(timespec="seconds"))
    return queued


def _get_held_leases(now: datetime) -> set[str]:
    """The names of the leases of sweeps that run, and of intervals that last."""
    names = Q(name__startswith=SWEEP_PREFIX) | Q(name__startswith=OVERDUE_PREFIX)
    return set(Lease.objects.filter(names, ~unclaimed(now, MAX_INTERVAL)).values_list("name", flat=True))


def _runs(work: DueWork, held: set[str]) -> bool:
    """Whether a worker runs a sweep that does this work, be it one of several side by side."""
    names = tuple(f"{SWEEP_PREFIX}{sweep}" for sweep in work.kind.sweeps)
    return any(lease == name or lease.startswith(f"{name}:") for name in names for lease in held)


def _begin_interval(work: DueWork, now: datetime) -> None:
    """The task is not queued again before the interval ends."""
    interval = min(max(work.get_age(now) / 10, MIN_INTERVAL), MAX_INTERVAL)
    values = {"lease_until": now + interval, "lease_token": token_hex(16)}  # a claim has both
    Lease.objects.update_or_create(name=_get_interval_name(work), defaults=values)


def _get_interval_name(work: DueWork) -> str:
    return f"{OVERDUE_PREFIX}{work.kind.name}"
