"""The supervisor's loop: keep a cluster running that lets canaries through."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import time
from typing import Final

from django.db import connections
from django_q.conf import Conf

from portal.jobs.canary import is_log_of_other_tasks
from portal.jobs.clock import look_at_clock
from portal.jobs.overdue import enqueue_overdue
from portal.jobs.supervisor.cluster import ClusterProcess
from portal.jobs.supervisor.faults import Waiting, find_fault
from portal.jobs.supervisor.linux import adopt_orphans
from portal.jobs.supervisor.notify import notify
from portal.jobs.supervisor.threads import PeriodicThread
from portal.jobs.supervisor.watch import CanaryWatch

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
# A database that answers later than this counts as absent.
PATIENCE_SECONDS: Final = 5
# How long a cluster may take to end its tasks, so that the supervisor ends within 20 seconds.
GRACE_SECONDS: Final = 15
# How long it may take once no worker is in a task. It takes a second otherwise. A cluster hangs whose children got
# SIGTERM as well, as careless scripts send it.
IDLE_SECONDS: Final = 5
# The delay before a cluster that let no canary through is started again doubles up to this.
MAX_DELAY_SECONDS: Final = 30
# How often systemd is told that the loop goes round. WatchdogSec in deploy/portal-worker.service is far longer.
TELL_SECONDS: Final = 2
# How often overdue work is looked for.
OVERDUE_SECONDS: Final = 3
# How long to wait for the database before systemd is told that the start is over.
READY_SECONDS: Final = 20


def queue_overdue_work() -> None:
    look_at_clock()
    enqueue_overdue()


class Supervisor:
    """Runs until SIGTERM or SIGINT. A second signal ends the cluster at once."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(2)}"
        self.watch = CanaryWatch(self.name)
        self.threads = [
            PeriodicThread("The canary", self.watch.step, seconds=1),
            PeriodicThread("Overdue work", queue_overdue_work, seconds=OVERDUE_SECONDS),
        ]
        self.cluster: ClusterProcess | None = None
        self._signals = 0
        self._start_at = self._delay = 0.0
        self._began_at = time.monotonic()
        self._is_ready = False
        self._told_at = 0.0

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        adopt_orphans()
        logging.getLogger("django-q").addFilter(is_log_of_other_tasks)
        for thread in self.threads:
            thread.start()
        try:
            while not self._signals:
                self._tick(time.monotonic())
        finally:
            self._stop()

    def _handle_signal(self, *_: object) -> None:
        self._signals += 1

    def _tick(self, now: float) -> None:
        database_since = self.threads[0].get_succeeding_since(now, patience=PATIENCE_SECONDS)
        if self.cluster:
            self.cluster.read_reports(TICK_SECONDS)
            self._check(self.cluster, database_since)
        elif database_since is not None and now >= self._start_at:
            self._start()
        else:
            time.sleep(TICK_SECONDS)
        self._tell_systemd(now, is_database_there=database_since is not None)

    def _start(self) -> None:
        self.watch.begin_cluster()
        self.cluster = ClusterProcess(self.name)

    def _check(self, cluster: ClusterProcess, database_since: float | None) -> None:
        activity = cluster.activity
        self.watch.saved_number = activity.saved_number
        waiting = Waiting(self.watch.number, self.watch.missing_since, database_since)
        fault = cluster.get_end() or find_fault(
            activity,
            waiting,
            now=time.monotonic(),
            workers=Conf.WORKERS,
            task_seconds=Conf.TIMEOUT,
        )
        if fault:
            self._replace(cluster, fault)

    def _replace(self, cluster: ClusterProcess, fault: str) -> None:
        """Kill the cluster. The next one starts at once if this one let a canary through, otherwise after a delay."""
        has_worked = self.watch.came_at is not None and self.watch.came_at >= cluster.activity.started_at
        self._delay = 0.0 if has_worked else min(max(1.0, self._delay * 2), MAX_DELAY_SECONDS)
        self._start_at = time.monotonic() + self._delay
        logger.warning("The task cluster is replaced: %s. What its tasks were doing is done again.", fault)
        self.watch.end_cluster(fault)
        cluster.kill()
        self.cluster = None

    def _tell_systemd(self, now: float, *, is_database_there: bool) -> None:
        """The watchdog: systemd kills everything if this loop stops. READY=1 after the first canary.

        Also if the database is absent, which is no reason for systemd to start the supervisor again.
        """
        if now - self._told_at < TELL_SECONDS:
            return
        self._told_at = now
        messages = ["WATCHDOG=1", f"STATUS={self._describe(now, is_database_there=is_database_there)}"]
        is_waiting_for_database = not is_database_there and now - self._began_at > READY_SECONDS
        if not self._is_ready and (self.watch.came_at is not None or is_waiting_for_database):
            self._is_ready = True
            messages.append("READY=1")
        notify(*messages)

    def _describe(self, now: float, *, is_database_there: bool) -> str:
        if not is_database_there:
            return "Waiting for the database"
        if self.watch.came_at is None:
            return "Waiting for the first canary"
        return f"The last canary came through {now - self.watch.came_at:.0f} seconds ago"

    def _stop(self) -> None:
        notify("STOPPING=1", "STATUS=Ending the tasks")
        self.watch.end_cluster("")
        if self.cluster:
            self._end(self.cluster)
        for thread in self.threads:
            thread.stop(wait_seconds=1)
        connections.close_all()

    def _end(self, cluster: ClusterProcess) -> None:
        now = worked_at = time.monotonic()
        deadline = now + GRACE_SECONDS
        cluster.request_stop()
        while not cluster.get_end() and now < min(deadline, worked_at + IDLE_SECONDS) and self._signals < 2:
            cluster.read_reports(TICK_SECONDS / 5)
            now = time.monotonic()
            if cluster.activity.count_working(now, Conf.TIMEOUT):
                worked_at = now
        if not cluster.get_end():
            logger.warning("The task cluster did not end in time and is killed; what it was doing is done again.")
        cluster.kill()
