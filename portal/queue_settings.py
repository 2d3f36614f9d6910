"""Settings of the task cluster and its queue (portal/jobs/). Part of portal/settings.py."""

from __future__ import annotations

from portal.environment import environment

__all__ = ["Q_BROKER_URL", "Q_CLUSTER", "SWEEPERS", "WORKERS"]

read = environment.read

# State, due time and lease are in our own rows, because django-q2 may run a task twice, late or never.
# `retry` must exceed (timeout + 3) * (1 + ceil((queue_limit + bulk) / workers)), or a waiting task runs twice.
WORKERS = environment.require_minimum(1, "WORKERS", read("int", "WORKERS", 2))
Q_CLUSTER: dict[str, object] = {
    "name": "portal",
    "orm": "default",
    "broker_class": "portal.jobs.queues.database.DatabaseQueue",
    "workers": WORKERS,
    "timeout": 120,
    "retry": 600,
    "queue_limit": 2,
    "bulk": 1,
    "poll": 0.5 if read("bool", "DEMO", False) else 1,
    "catch_up": False,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "recycle": 500,
    "max_rss": 300_000,
    "time_zone": "UTC",
    "cache": "qstat",
    "label": "Tasks",
    "ALT_CLUSTERS": {},
}
# How many processes share the due rows of one sweep, on PostgreSQL. The default leaves one worker for other tasks.
SWEEPERS = environment.require_minimum(1, "SWEEPERS", read("int", "SWEEPERS", max(WORKERS - 1, 1)))
if Q_BROKER_URL := read("str", "Q_BROKER_URL", ""):
    environment.require(
        Q_BROKER_URL.startswith(("redis://", "rediss://", "unix://")),
        "Q_BROKER_URL is not the address of a Redis, such as redis://127.0.0.1:6379/0.",
    )
    # A request waits for a Redis that is down for one second, then goes on: the schedules find the work.
    redis_timeouts = "socket_connect_timeout=1&socket_timeout=5"
    Q_CLUSTER |= {
        "redis": f"{Q_BROKER_URL}{'&' if '?' in Q_BROKER_URL else '?'}{redis_timeouts}",
        "broker_class": "portal.jobs.queues.redis.RedisQueue",
        "orm": None,
    }
