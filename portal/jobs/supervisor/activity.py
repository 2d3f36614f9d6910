"""What a cluster does, as its processes report it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from portal.jobs import reports
from portal.jobs.reports import Report
from portal.jobs.supervisor.linux import has_dead_child, is_halted


@dataclass
class Activity:
    """Of one cluster. Times are those of time.monotonic()."""

    started_at: float
    # When the sentinel's loop last went round. None until all processes are there.
    guarded_at: float | None = None
    sentinel_pid: int = 0
    ready_at: float | None = None
    # When a worker last began or ended a task, and when the monitor last took a result.
    worked_at: float = 0.0
    saved_at: float = 0.0
    # The last canaries that a worker ran, and whose results the monitor took.
    ran_number: int = 0
    saved_number: int = 0
    # The workers that are in a task, with its beginning.
    busy: dict[int, float] = field(default_factory=dict)
    # Which process a signal killed, and which signal.
    death: str = ""

    def note(self, report: Report, now: float) -> None:
        match report.kind:
            case reports.ALIVE:
                self.guarded_at = now
                self.sentinel_pid = report.pid
                self.ready_at = self.ready_at or now
            case reports.DIED:
                self.death = report.detail
            case reports.BEGAN:
                self.busy[report.pid] = self.worked_at = now
            case reports.ENDED:
                self.busy.pop(report.pid, None)
                self.worked_at = now
                self.ran_number = max(self.ran_number, report.number)
            case reports.SAVED:
                self.saved_at = now
                self.saved_number = max(self.saved_number, report.number)

    def has_unnoticed_death(self, now: float, patience: float) -> bool:
        """Whether the sentinel has done nothing for so long, and one of its processes is dead.

        A worker that dies at the end of a task may hold a lock that the sentinel then waits for.
        """
        return self.guarded_at is not None and now - self.guarded_at > patience and has_dead_child(self.sentinel_pid)

    def count_working(self, now: float, limit: float) -> int:
        """How many workers are in a task, for less than `limit` seconds. A dead or suspended one does not work."""
        return sum(now - since < limit and _exists(pid) and not is_halted(pid) for pid, since in self.busy.items())


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
