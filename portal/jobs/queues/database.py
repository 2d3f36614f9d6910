"""The queue in the database."""

from __future__ import annotations

import logging
from time import sleep

from django.db import Error, connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf

from portal.jobs.canary import get_own_queue

logger = logging.getLogger(__name__)


class DatabaseQueue(ORM):
    def dequeue(self) -> list[tuple[int, str]] | None:
        """Claim the next task: a canary of this cluster first, then the tasks that all clusters share, oldest first.

        Waits if there is none. Returns the id of its row and the signed task.
        """
        due = self.get_connection().filter(key__in=[get_own_queue(), self.list_key], lock__lt=timezone.now())
        # Names of the canaries' queues come before that of the common one.
        task = due.order_by("key", "pk").first()
        if task is None:
            sleep(Conf.POLL)
            return None
        is_mine = due.filter(pk=task.pk, lock=task.lock).update(lock=self.timeout(task))
        return [(task.pk, task.payload)] if is_mine else []

    def acknowledge(self, task_id: int) -> None:
        """Delete a task that was done. If the database does not take that, the task runs again after Conf.RETRY s.

        django-q2's monitor would end with the error, and nobody would learn that it took the result.
        """
        try:
            super().acknowledge(task_id)
        except Error as error:
            logger.warning("Task %s was done, and could not be deleted from the queue: %s", task_id, error)
            connections[Conf.ORM].close()
