"""Count what is done, for /metrics: in memory first, and in the database once a task ends.

Processes are several, and each may answer /metrics, so the totals are in a table. Counting takes no query: what a
process counted is added to the table in one statement after each task, and by web processes every few seconds. A
process that is killed loses what it counted since then.
"""

from __future__ import annotations

import logging
import os
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import connection

from portal.db.latest_values import LatestValues
from portal.models import MetricTotal

logger = logging.getLogger(__name__)

SEPARATOR: Final = "|"
INFINITY: Final = "+Inf"


@dataclass(frozen=True)
class Total:
    """A counter of Prometheus. `name` has no suffix _total, which the library adds."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    def add(self, *labels: str, amount: float = 1) -> None:
        """Count `amount`, for these values of the labels."""
        _add({(self.name, SEPARATOR.join(labels)): amount})


@dataclass(frozen=True)
class Histogram:
    """A histogram of Prometheus. `bounds` are the upper bounds of its buckets, ascending."""

    name: str
    help: str
    bounds: tuple[float, ...]

    @property
    def bucket_labels(self) -> list[str]:
        return [*map(str, self.bounds), INFINITY]

    @property
    def sum_name(self) -> str:
        return f"{self.name}_sum"

    def observe(self, value: float) -> None:
        bucket = self.bucket_labels[bisect_left(self.bounds, value)]
        _add({(self.name, bucket): 1, (self.sum_name, ""): value})


@dataclass(frozen=True)
class LastTime:
    """A gauge of Prometheus: when something happened last, in seconds since 1970."""

    name: str
    help: str
    labels: tuple[str, ...]

    def note(self, *labels: str, at: datetime) -> None:
        """Note that it happened at `at`, for these values of the labels."""
        _times.note((self.name, SEPARATOR.join(labels)), at.timestamp())

    def read(self) -> dict[tuple[str, ...], datetime]:
        """The times that are stored, by the values of the labels; one query."""
        rows = MetricTotal.objects.filter(metric=self.name).values_list("label", "value")
        return {tuple(label.split(SEPARATOR)): datetime.fromtimestamp(value, UTC) for label, value in rows}


Metric = Total | Histogram | LastTime

SWEEP_ROWS: Final = Total("portal_sweep_rows", "Rows that sweeps did.", ("sweep",))
SWEEP_SECONDS: Final = Total("portal_sweep_seconds", "How long sweeps that did something worked.", ("sweep",))

_registered: dict[str, Metric] = {total.name: total for total in (SWEEP_ROWS, SWEEP_SECONDS)}
_lock = threading.Lock()
_counts: defaultdict[tuple[str, str], float] = defaultdict(float)
_times: LatestValues[tuple[str, str], float] = LatestValues()


def register_totals(totals: Iterable[Metric]) -> None:
    """Add the totals of an app to /metrics."""
    _registered.update((total.name, total) for total in totals)


def get_totals() -> list[Metric]:
    return list(_registered.values())


def _add(amounts: Mapping[tuple[str, str], float]) -> None:
    with _lock:
        for key, amount in amounts.items():
            _counts[key] += amount


def flush() -> None:
    """Write what this process counted to the table: one statement, one more for times, or none.

    Keeps what cannot be written.
    """
    _flush_counts()
    _flush_times()


def _flush_counts() -> None:
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    if not taken:
        return
    try:
        _write(taken, "{table}.value + excluded.value")
    except Exception as error:
        _add(taken)
        connection.close_if_unusable_or_obsolete()  # so that the next flush of this thread opens a new one
        logger.warning("Totals for /metrics could not be written, and are kept: %s", error)


def _flush_times() -> None:
    later = "CASE WHEN excluded.value > {table}.value THEN excluded.value ELSE {table}.value END"
    try:
        _times.write(lambda times: _write(times, later))
    except Exception as error:
        logger.warning("Times for /metrics could not be written, and are kept: %s", error)


def _write(amounts: dict[tuple[str, str], float], result: str) -> None:
    """Insert the values. `result` is the SQL of what a row then has that exists."""
    table = MetricTotal._meta.db_table
    rows = sorted(amounts.items())  # the same order in all processes, so that two cannot deadlock
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    sql = (
        f"INSERT INTO {table} (metric, label, value) VALUES {values} "
        f"ON CONFLICT (metric, label) DO UPDATE SET value = {result.format(table=table)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [item for (metric, label), value in rows for item in (metric, label[:200], value)])


def _reset_after_fork() -> None:
    """A forked process begins without counts, which its parent writes, and with a free lock."""
    global _lock
    _lock = threading.Lock()
    _counts.clear()


os.register_at_fork(after_in_child=_reset_after_fork)
