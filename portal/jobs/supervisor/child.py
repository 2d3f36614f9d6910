"""The main process of a supervised cluster: `python -m portal.jobs.supervisor.child`, as the supervisor starts it.

It runs django-q2's cluster as `manage.py qcluster` does. In addition, its processes have names, tell the supervisor
what they do, and end with their parents. Otherwise the workers of a killed sentinel would go on beside those of the
next cluster. All code is loaded before the workers are forked, so they keep its version while an upgrade replaces the
files.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from typing import Any, Final

import django

from portal.jobs import reports
from portal.jobs.supervisor import linux
from portal.logs.context import task_id

SUPERVISOR_VARIABLE: Final = "PORTAL_SUPERVISOR"
_PREFIX = "tasks: "


class _Forks:
    """Names each forked process, and ends it with its parent."""

    def __init__(self) -> None:
        self.next_role = "sentinel"
        self._parent = os.getpid()
        os.register_at_fork(before=self._remember_parent, after_in_child=self._set_up_child)

    def _remember_parent(self) -> None:
        self._parent = os.getpid()

    def _set_up_child(self) -> None:
        linux.die_with(self._parent)
        linux.set_process_name(f"{_PREFIX}{self.next_role}")


def main() -> None:
    linux.die_with(int(os.environ[SUPERVISOR_VARIABLE]))
    linux.set_process_name(f"{_PREFIX}main")
    django.setup()
    # Importable only now.
    from django_q import cluster

    from portal.jobs.canary import is_log_of_other_tasks
    from portal.preloading import load_code

    load_code()
    logging.getLogger("django-q").addFilter(is_log_of_other_tasks)
    _connect_signals()
    cluster.Sentinel = _make_sentinel(_Forks())
    cluster.Cluster().start()


def _make_sentinel(forks: _Forks) -> type:
    from django_q.cluster import Sentinel
    from django_q.monitor import monitor
    from django_q.pusher import pusher
    from django_q.worker import worker

    roles: dict[Callable[..., None], str] = {monitor: "monitor", pusher: "pusher", worker: "worker"}

    class ReportingSentinel(Sentinel):
        def spawn_process(self, target: Callable[..., None], *args: Any) -> Any:
            forks.next_role = roles[target]
            process = super().spawn_process(target, *args)
            process.role = roles[target]
            return process

        def reincarnate(self, process: Any) -> None:
            """A process that a signal killed may hold a queue's lock for ever. One that ended by itself does not."""
            if process.exitcode is not None and process.exitcode < 0:
                reports.send(reports.DIED, f"{process.role} {signal.Signals(-process.exitcode).name}")
            super().reincarnate(process)

        def status(self) -> Any:
            """Called in each round of the guard's loop."""
            if self.start_event.is_set():
                reports.send(reports.ALIVE)
            return super().status()

    return ReportingSentinel


def _connect_signals() -> None:
    from django_q.signals import post_execute, post_execute_in_worker, pre_execute

    pre_execute.connect(_report_begin, weak=False)
    post_execute_in_worker.connect(_report_end, weak=False)
    post_execute.connect(_report_saved, weak=False)


def _report_begin(task: dict[str, Any], **kwargs: object) -> None:
    task_id.set(task["id"])
    reports.send(reports.BEGAN, _get_canary_number(task))


def _report_end(task: dict[str, Any], **kwargs: object) -> None:
    task_id.set("")
    reports.send(reports.ENDED, _get_canary_number(task))


def _report_saved(task: dict[str, Any], **kwargs: object) -> None:
    reports.send(reports.SAVED, _get_canary_number(task))


def _get_canary_number(task: dict[str, Any]) -> int:
    from portal.jobs.canary import TASK_PATH

    return int(task["args"][1]) if task["func"] == TASK_PATH else 0


if __name__ == "__main__":
    main()
