"""When a cluster has to be replaced. All times are those of time.monotonic(), in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from portal.jobs.supervisor.activity import Activity

# How long a cluster may take to start on a busy machine. It takes 3 seconds otherwise.
START_SECONDS: Final = 60
# How long a canary may take while not every worker is busy. It takes a second otherwise. After an outage of the
# database, django-q2's pusher waits for 10 seconds.
CANARY_SECONDS: Final = 30
# How long the sentinel may take for one round: it queues what is scheduled, and the database may be slow.
GUARD_SECONDS: Final = 75
# The same if one of its processes has died. It goes round twice a second otherwise.
NOTICE_SECONDS: Final = 8
# django-q2 ends a task after settings.Q_CLUSTER["timeout"] seconds, and may need so much longer.
TASK_EXTRA_SECONDS: Final = 5


@dataclass(frozen=True)
class Waiting:
    """What the supervisor waits for, and since when."""

    # The last canary that was sent, and since when one has been missing. None if all went through.
    canary_number: int
    canary_since: float | None
    # Since when the database has answered. None if it does not.
    database_since: float | None


def find_fault(activity: Activity, waiting: Waiting, *, now: float, workers: int, task_seconds: float) -> str:
    """Say in a few words why the cluster has to be replaced, or return "".

    A database that does not answer is no reason: no cluster could work. A canary waits for the workers that are in a
    task, and behind the tasks that the cluster has fetched. Such a cluster begins and ends tasks, or all of its
    workers are in tasks that are not over time.
    """
    if activity.death:
        return activity.death.replace(" ", " was killed by ")
    if waiting.database_since is None:
        return ""
    if activity.ready_at is None or activity.guarded_at is None:
        is_late = now - max(activity.started_at, waiting.database_since) > START_SECONDS
        return f"not started after {START_SECONDS} seconds" if is_late else ""
    if now - max(activity.guarded_at, waiting.database_since) > GUARD_SECONDS:
        return f"the sentinel has done nothing for {GUARD_SECONDS} seconds"
    if now - waiting.database_since > NOTICE_SECONDS and activity.has_unnoticed_death(now, NOTICE_SECONDS):
        return "the sentinel does not notice that a process died"
    if waiting.canary_since is None:
        return ""
    since = max(waiting.canary_since, waiting.database_since, activity.ready_at)
    if activity.ran_number >= waiting.canary_number:
        is_late = now - max(since, activity.worked_at, activity.saved_at) > CANARY_SECONDS
        return f"the monitor has taken no result for {CANARY_SECONDS} seconds" if is_late else ""
    if now - max(since, activity.worked_at) <= CANARY_SECONDS:
        return ""
    if activity.count_working(now, task_seconds + TASK_EXTRA_SECONDS) >= workers:
        return ""
    return f"no canary came through for {CANARY_SECONDS} seconds"
