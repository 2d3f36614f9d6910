"""The canary: a task that a supervisor sends through its own cluster, to see that the cluster works.

It goes the way of every task, through the queue, the pusher, a worker and the monitor. Each cluster has a queue of its
own for it, which its pusher reads first. So another cluster cannot take it, and it does not wait for queued tasks.
"""

from __future__ import annotations

import logging
import os
from typing import Final

from django.conf import settings
from django.utils import timezone
from django_q.brokers import Broker, get_broker
from django_q.tasks import async_task

from portal.models import Canary

logger = logging.getLogger(__name__)

# Set by the supervisor in the processes of its cluster: the name of its row.
CLUSTER_VARIABLE: Final = "PORTAL_CLUSTER"
TASK_PATH: Final = "portal.jobs.canary.run_canary"
# Sorts before the name of the common queue (settings.Q_CLUSTER["name"]).
QUEUE_PREFIX: Final = "canary:"
# How long Redis keeps the canaries of a cluster that is gone.
REDIS_EXPIRY_SECONDS = 600


def run_canary(name: str, number: int) -> None:
    """The task: write that canary `number` of the cluster `name` ran. One that runs again later changes nothing."""
    try:
        Canary.objects.filter(name=name, last_number__lt=number).update(last_run_at=timezone.now(), last_number=number)
    except Exception:
        logger.warning("The canary could not write to the database", exc_info=True)


def get_own_queue() -> str:
    """The queue for the canaries of the cluster that this process belongs to. Without a supervisor nothing is in it."""
    return get_queue(os.environ.get(CLUSTER_VARIABLE, ""))


def get_queue(name: str) -> str:
    return f"{QUEUE_PREFIX}{name}"


def send_canary(name: str, number: int) -> None:
    """Queue a canary for this cluster. Raises what the database or Redis raises."""
    broker = get_broker(get_queue(name))
    async_task(TASK_PATH, name, number, broker=broker)
    if not settings.Q_CLUSTER.get("orm"):
        broker.connection.expire(broker.list_key, REDIS_EXPIRY_SECONDS)


def is_queued(name: str) -> bool:
    """Whether a canary of this cluster is in its queue. In the database it is until the monitor acknowledges it."""
    broker = get_broker(get_queue(name))
    return bool(broker.queue_size() or broker.lock_size())


def empty_queue(name: str) -> None:
    """Delete the canaries of a cluster that ended: nobody else takes them."""
    broker: Broker = get_broker(get_queue(name))
    broker.delete_queue()


def is_log_of_other_tasks(record: logging.LogRecord) -> bool:
    """A filter for django-q2's log: its lines about canaries would hide those about work."""
    message = record.getMessage()
    return record.levelno > logging.INFO or not (TASK_PATH in message or f"[{QUEUE_PREFIX}" in message)
