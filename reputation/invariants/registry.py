"""What an invariant is, and the checks and repairs of many of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet

from portal.db.in_list import in_list

logger = logging.getLogger(__name__)

# No more violations than these are counted.
MAX_COUNT: Final = 10_000
# Rows repaired in one transaction.
CHUNK: Final = 1_000
# A repair whose rows somebody changes at the same moment is tried again so often.
MAX_CONFLICTS: Final = 5

# Rows that violate an invariant, or texts that name them.
Found = QuerySet[Any] | Sequence[str]
Find = Callable[[datetime], Found]
# Takes the keys of violating rows, and mends them.
Repair = Callable[[Sequence[Any], datetime], None]


@dataclass(frozen=True)
class Invariant:
    """Something that must hold. `find` returns the rows that violate it at a moment, in one query.

    `repair` is there where the right state follows from other rows, and may be called again without harm.
    """

    name: str
    sentence: str
    find: Find
    repair: Repair | None = None


def make_due(model: type[Model]) -> Repair:
    """The repair that makes the rows due at once."""
    return lambda keys, now: _set_due(model, keys, now)


def make_not_due(model: type[Model]) -> Repair:
    """The repair after which the rows are not due any more."""
    return lambda keys, now: _set_due(model, keys, None)


def _set_due(model: type[Model], keys: Sequence[Any], at: datetime | None) -> None:
    model._base_manager.filter(pk__in=in_list(keys)).update(next_action_at=at)


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, with the keys of the rows, at most MAX_COUNT."""

    invariant: Invariant
    keys: tuple[Any, ...]

    @property
    def count_text(self) -> str:
        return f"{MAX_COUNT:,} or more" if len(self.keys) >= MAX_COUNT else f"{len(self.keys):,}"


def check(invariants: Sequence[Invariant], now: datetime) -> list[Violation]:
    """Return the invariants that do not hold, all as of one moment. Changes nothing, and blocks nobody who does."""
    with read_snapshot():
        found = [Violation(invariant, _get_keys(invariant.find(now), MAX_COUNT)) for invariant in invariants]
    return [violation for violation in found if violation.keys]


def repair(violations: Sequence[Violation], now: datetime) -> dict[str, int]:
    """Repair what has a repair; return how many rows were repaired, by the invariant's name."""
    repaired = {}
    for violation in violations:
        if violation.invariant.repair and (count := _repair(violation.invariant, now)):
            repaired[violation.invariant.name] = count
            logger.warning("Repaired %s rows that violated %s", count, violation.invariant.name)
    return repaired


def _repair(invariant: Invariant, now: datetime) -> int:
    """Repair chunk by chunk until nothing is left, or a chunk was no use. Each chunk is found and repaired at once."""
    count = conflicts = 0
    before: tuple[Any, ...] = ()
    while conflicts < MAX_CONFLICTS:
        try:
            with write_snapshot():
                keys = _get_keys(invariant.find(now), CHUNK)
                if not keys or keys == before:
                    return count
                if invariant.repair:
                    invariant.repair(keys, now)
        except OperationalError:
            # PostgreSQL refuses to change rows that somebody else has changed since they were found.
            conflicts += 1
            logger.warning("The repair of %s met another change, and is tried again", invariant.name)
            continue
        before = keys
        count += len(keys)
    return count


def _get_keys(found: Found, limit: int) -> tuple[Any, ...]:
    """The first keys, in order. Sorting is left to Python, or the database might walk through a whole table by key."""
    if isinstance(found, QuerySet):
        found = found.order_by().values_list("pk", flat=True)[:limit]
    return tuple(sorted(islice(found, limit)))


@contextmanager
def read_snapshot() -> Iterator[None]:
    """All queries within see the database as of the first one. Nobody waits, and nothing can be written.

    Within a transaction, such as that of a test, nothing changes.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        # Django begins each transaction as one that writes, and all writers would wait.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def write_snapshot() -> Iterator[None]:
    """A transaction that writes, and on PostgreSQL fails if it changes a row that was changed since its first query."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
