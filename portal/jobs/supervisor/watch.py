"""The canaries of a cluster, and its row. Everything here waits for the database, so it runs in a thread of its own."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from portal.jobs.canary import QUEUE_PREFIX, empty_queue, get_queue, is_queued, send_canary
from portal.models import Canary

# Between two canaries, and between two attempts to write while one is missing.
INTERVAL_SECONDS: Final = 5
# After this time, a canary that is in no queue is lost (Redis keeps nothing when it ends), and another one is sent.
LOST_SECONDS: Final = 10
# How long the row of a cluster is kept after it ended.
KEPT: Final = timedelta(days=1)


class CanaryWatch:
    """Sends canaries, one at a time, and says since when one has been missing.

    `step` is called every second in the watch's thread, and raises what the database or Redis raises. The other
    methods are for the supervisor's thread, and wait for nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        # Since when no canary came through although one was sent. None if the last one did.
        self.missing_since: float | None = None
        # When a canary last came through. None before the first one.
        self.came_at: float | None = None
        # Set by the supervisor: whether a cluster runs, and the last canary whose result its monitor took.
        self.is_running = False
        self.saved_number = 0
        self._is_new_cluster = True
        self._faults: list[str] = []
        self._started_at = timezone.now()
        self._sent_at = self._wrote_at = 0.0

    def begin_cluster(self) -> None:
        """The supervisor starts a cluster: what was sent to the former one counts no more."""
        self.missing_since = None
        self.saved_number = 0
        self._is_new_cluster = True
        self.is_running = True

    def end_cluster(self, fault: str) -> None:
        """The cluster ended. The row says why, unless the supervisor stopped it."""
        self.is_running = False
        if fault:
            self._faults.append(fault)

    def step(self) -> None:
        now = time.monotonic()
        self._write_faults()
        if self._is_new_cluster:
            self._begin(now)
        elif not self.is_running:
            self._write_if_due(now)
        elif self._is_under_way():
            self._check(now)
        elif now - self._sent_at >= INTERVAL_SECONDS:
            self._send(now)

    def _begin(self, now: float) -> None:
        """Write the row, and delete what nobody else deletes: canaries of the former cluster, and those of old ones."""
        Canary.objects.filter(checked_at__lt=timezone.now() - KEPT).delete()
        queues = [get_queue(name) for name in Canary.objects.values_list("name", flat=True)]
        OrmQ.objects.filter(key__startswith=QUEUE_PREFIX).exclude(key__in=queues).delete()
        empty_queue(self.name)
        self._write(now)
        self._is_new_cluster = False
        self._sent_at = 0.0

    def _is_under_way(self) -> bool:
        return self.missing_since is not None and self._sent_at > 0

    def _check(self, now: float) -> None:
        """See whether the canary came through: its row is written, and the monitor took its result."""
        if self.saved_number >= self.number:
            if Canary.objects.filter(pk=self.name, last_number__gte=self.number).exists():
                self.missing_since = None
                self.came_at = now
            else:  # the task could not write: send another one
                self._sent_at = 0.0
        elif now - self._sent_at > LOST_SECONDS and not is_queued(self.name):
            self._send(now)
        else:
            self._write_if_due(now)

    def _send(self, now: float) -> None:
        with transaction.atomic():
            self._write(now)
            send_canary(self.name, self.number + 1)
        self.number += 1
        self._sent_at = now
        if self.missing_since is None:
            self.missing_since = now

    def _write_if_due(self, now: float) -> None:
        """Find out whether the database takes changes: its disk may be full."""
        if now - self._wrote_at >= INTERVAL_SECONDS:
            self._write(now)

    def _write(self, now: float) -> None:
        checked_at = timezone.now()
        if not Canary.objects.filter(pk=self.name).update(checked_at=checked_at):
            Canary.objects.create(name=self.name, started_at=self._started_at, checked_at=checked_at)
        self._wrote_at = now

    def _write_faults(self) -> None:
        for fault in list(self._faults):
            row, _ = Canary.objects.get_or_create(
                pk=self.name, defaults={"started_at": self._started_at, "checked_at": timezone.now()}
            )
            row.replacements += 1
            row.last_replaced_at = timezone.now()
            row.last_fault = fault[:200]
            row.save(update_fields=["replacements", "last_replaced_at", "last_fault"])
            self._faults.remove(fault)
