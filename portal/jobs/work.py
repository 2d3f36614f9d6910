"""The kinds of work that tasks do: for each, which task does it, and whether and since when some of it is due.

Each app registers its kinds (see portal.apps). Whatever looks after the tasks reads them here: the queueing of overdue
work, health checks, metrics and the page for operators.

Work that a worker holds is not counted as due: it is being done. Once the worker is killed, its claim runs out within
seconds, and the work is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models
from django.db.models import QuerySet

from portal.jobs.claims import CLOCK_TOLERANCE, unclaimed

# Counting stops here: a count of all numbers would take longer than doing some of the work.
MAX_COUNT: Final = 100_000


def _keep(moment: datetime) -> datetime:
    return moment


@dataclass(frozen=True)
class WorkKind:
    """A kind of work, whose due rows one query finds.

    `name` identifies the kind, such as "imports_to_read", and stays the same across releases. `label` names the work
    for people, without an article: "Files to read". `task` is the path of the task that does what is due; it takes no
    arguments. `get_rows` returns the rows that are due at a moment and that no worker holds. `due_field` is their
    field, or annotation, since when they are due: `get_moment` turns its value into a time. Work that is due for longer
    than `late_after` is late, and somebody should look. `sweeps` are the names of the sweeps of
    portal.jobs.runner.run_exclusively that do the work: while one of them runs, the rest of the rows has its turn.
    `is_cheap` says whether the query may be asked every few seconds, whatever the size of the portal.
    """

    name: str
    label: str
    task: str
    get_rows: Callable[[datetime], QuerySet[Any]]
    due_field: str
    late_after: timedelta
    sweeps: tuple[str, ...] = ()
    get_moment: Callable[[Any], datetime] = _keep
    is_cheap: bool = True

    def find_oldest(self, now: datetime) -> datetime | None:
        """Since when the row is due that is due longest; None if nothing is due. One query."""
        rows = self.get_rows(now).order_by(self.due_field)
        value = rows.values_list(self.due_field, flat=True).first()
        return None if value is None else self.get_moment(value)

    def count(self, now: datetime) -> int:
        """How many rows are due, at most MAX_COUNT. One query."""
        return self.get_rows(now).order_by()[:MAX_COUNT].count()


@dataclass(frozen=True)
class DueWork:
    """Work of one kind that is due since `since`. `count` is the number of rows, None if it was not asked for."""

    kind: WorkKind
    since: datetime
    count: int | None = None

    def get_age(self, now: datetime) -> timedelta:
        """For how long the longest due row waits; never negative."""
        return max(now - self.since, timedelta())

    def is_overdue(self, now: datetime, grace: timedelta) -> bool:
        """Whether a free worker should have begun. Also if it got due by a clock that was far ahead of this one."""
        return self.get_age(now) >= grace or self.since > now + CLOCK_TOLERANCE

    def is_late(self, now: datetime) -> bool:
        return self.get_age(now) > self.kind.late_after


_kinds: dict[str, WorkKind] = {}
# Tasks that do no due work, with the reason.
_without_work: dict[str, str] = {}


def register_kinds(kinds: Iterable[WorkKind], *, without_work: dict[str, str] | None = None) -> None:
    """Add the kinds of an app. `without_work` names its tasks that belong to no kind, each with the reason.

    Registering a kind of the same name again replaces it.
    """
    _kinds.update((kind.name, kind) for kind in kinds)
    _without_work.update(without_work or {})


def get_kinds() -> list[WorkKind]:
    """All kinds, in the order in which they were registered."""
    return list(_kinds.values())


def get_kind(name: str) -> WorkKind:
    return _kinds[name]


def get_tasks_without_work() -> dict[str, str]:
    """The paths of the tasks that belong to no kind, with the reason."""
    return dict(_without_work)


def due_work(now: datetime, *, counted: bool = False, only_cheap: bool = False) -> list[DueWork]:
    """What is due, the longest due first: one query for each kind, and one more for each that is counted and due.

    `only_cheap` leaves out the kinds whose query is not to be asked every few seconds.
    """
    found = []
    for kind in _kinds.values():
        if only_cheap and not kind.is_cheap:
            continue
        since = kind.find_oldest(now)
        if since is not None:
            found.append(DueWork(kind, since, kind.count(now) if counted else None))
    return sorted(found, key=lambda work: work.since)


def late_work(now: datetime) -> list[DueWork]:
    """What is due for longer than its bound, the longest due first."""
    return [work for work in due_work(now) if work.is_late(now)]


def mail_rows(model: type[models.Model]) -> Callable[[datetime], QuerySet[Any]]:
    """For kinds of mails: the rows of a model whose `mail_due_at` has come and that no worker holds."""
    return lambda now: model._base_manager.filter(unclaimed(now), mail_due_at__lte=now)
