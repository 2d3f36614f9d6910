"""The memory of the simulated engines: a small SQLite file of their own, as if on a vendor's system.

The portal's database stores none of it, and several processes may use it at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reputation.providers.protocol import ProviderUnavailable
from reputation.providers.simulation import StoredRequest

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS known (number TEXT PRIMARY KEY, since TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS request (id INTEGER PRIMARY KEY, key TEXT, kind TEXT NOT NULL, number TEXT NOT NULL,"
    " engine TEXT NOT NULL, at TEXT NOT NULL, withdrawn_at TEXT, UNIQUE (key, number, engine))",
    "CREATE INDEX IF NOT EXISTS request_by_number ON request (number, kind)",
)
REFERENCE_PREFIX = "SIM-"


@contextmanager
def open_store(path: Path, *, timeout: float) -> Iterator[RequestStore]:
    """The store, within one transaction. Raises ProviderUnavailable if the file cannot be opened or is locked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise ProviderUnavailable(f"The simulated engines cannot open {path}: {error}") from error
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        yield RequestStore(connection)
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise ProviderUnavailable(f"The simulated engines are busy: {error}") from error
    finally:
        connection.close()


class RequestStore:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get_first_seen(self, numbers: Iterable[str], now: datetime) -> dict[str, datetime]:
        """When the engines first heard of each number. Stores `now` for new numbers."""
        numbers = list(numbers)
        self._connection.executemany(
            "INSERT INTO known VALUES (?, ?) ON CONFLICT DO NOTHING", [(number, _to_iso(now)) for number in numbers]
        )
        rows = self._connection.execute(
            f"SELECT number, since FROM known WHERE number IN ({_placeholders(numbers)})", numbers
        )
        return {number: datetime.fromisoformat(since) for number, since in rows}

    def add_requests(
        self, kind: str, pairs: list[tuple[str, str]], now: datetime, *, keys: Sequence[str | None] | None = None
    ) -> None:
        """Stores a request for each pair of number and engine, unless its idempotency key is stored already."""
        self._connection.executemany(
            "INSERT INTO request (key, kind, number, engine, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (key, kind, number, engine, _to_iso(now))
                for (number, engine), key in zip(pairs, keys or [None] * len(pairs), strict=True)
            ],
        )

    def get_requests(self, kind: str, numbers: Sequence[str]) -> dict[tuple[str, str], list[StoredRequest]]:
        """All requests of this kind for these numbers, oldest first, by number and engine."""
        requests: dict[tuple[str, str], list[StoredRequest]] = {}
        rows = self._connection.execute(
            f"SELECT id, kind, number, engine, at, withdrawn_at, key FROM request WHERE kind = ?"
            f" AND number IN ({_placeholders(numbers)}) ORDER BY id",
            [kind, *numbers],
        )
        for pk, row_kind, number, engine, at, withdrawn_at, key in rows:
            earlier = requests.setdefault((number, engine), [])
            earlier.append(
                StoredRequest(
                    reference=f"{REFERENCE_PREFIX}{pk:06}",
                    kind=row_kind,
                    number=number,
                    engine=engine,
                    requested_at=datetime.fromisoformat(at),
                    withdrawn_at=datetime.fromisoformat(withdrawn_at) if withdrawn_at else None,
                    earlier_count=len(earlier),
                    idempotency_key=key,
                )
            )
        return requests

    def get_by_reference(self, references: Sequence[str]) -> list[StoredRequest]:
        ids = [_id_of(reference) for reference in references if _is_reference(reference)]
        rows = self._connection.execute(
            f"SELECT DISTINCT kind, number FROM request WHERE id IN ({_placeholders(ids)})", ids
        )
        numbers_by_kind: dict[str, list[str]] = {}
        for kind, number in rows.fetchall():
            numbers_by_kind.setdefault(kind, []).append(number)
        wanted = set(references)
        return [
            request
            for kind, numbers in numbers_by_kind.items()
            for requests in self.get_requests(kind, numbers).values()
            for request in requests
            if request.reference in wanted
        ]

    def withdraw(self, references: Sequence[str], now: datetime) -> None:
        self._connection.executemany(
            "UPDATE request SET withdrawn_at = ? WHERE id = ? AND withdrawn_at IS NULL",
            [(_to_iso(now), _id_of(reference)) for reference in references if _is_reference(reference)],
        )


def _placeholders(items: Sequence[object]) -> str:
    return ", ".join("?" * len(items))


def _is_reference(reference: str) -> bool:
    return reference.startswith(REFERENCE_PREFIX) and reference.removeprefix(REFERENCE_PREFIX).isdecimal()


def _id_of(reference: str) -> int:
    return int(reference.removeprefix(REFERENCE_PREFIX))


def _to_iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
