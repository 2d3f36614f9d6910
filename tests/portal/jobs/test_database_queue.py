"""The queue in the database, while another transaction holds the locks."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.monitor import monitor
from django_q.signals import post_execute

from portal.jobs.queues.database import DatabaseQueue

pytestmark = pytest.mark.django_db(transaction=True)

TASK = {"id": "1", "name": "task", "func": "portal.mail.tasks.send_mails", "success": True, "result": None}


@contextmanager
def impatient_connection() -> Iterator[None]:
    """Connections that are made from now on wait for a lock for a tenth of a second."""
    options = connection.settings_dict["OPTIONS"]
    former = dict(options)
    options |= {"timeout": 0.1} if connection.vendor == "sqlite" else {"options": "-c lock_timeout=100"}
    connection.close()
    try:
        yield
    finally:
        options.clear()
        options.update(former)
        connection.close()


@contextmanager
def locked_queue() -> Iterator[None]:
    """Another connection holds the locks that a change of the queue needs."""
    is_locked, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE django_q_ormq IN ACCESS EXCLUSIVE MODE")
            is_locked.set()
            may_end.wait()
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    is_locked.wait()
    try:
        yield
    finally:
        may_end.set()
        holder.join()


def test_the_monitor_outlives_a_result_that_it_cannot_acknowledge():
    """Otherwise the supervisor would take the result for lost, and replace the cluster after the outage."""
    first, second = (OrmQ.objects.create(key="tasks", payload="", lock=timezone.now()) for _ in range(2))
    taken: list[int] = []

    def note(task: dict, **kwargs: object) -> None:
        taken.append(len(taken))

    results: queue.Queue = queue.Queue()
    post_execute.connect(note)
    try:
        with impatient_connection(), locked_queue():
            results.put(TASK | {"ack_id": first.pk})
            results.put("STOP")
            monitor(results, DatabaseQueue("tasks"))
        results.put(TASK | {"ack_id": second.pk})
        results.put("STOP")
        monitor(results, DatabaseQueue("tasks"))
    finally:
        post_execute.disconnect(note)
    assert len(taken) == 2
    assert OrmQ.objects.get() == first
