"""The SQLite database that is moved, frozen while it is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portal.backups import sqlite
from portal.backups.errors import BackupError
from portal.postgres_move.tables import Table


class Source:
    """Reads the tables. `fingerprint` differs once anything was written to the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        file = sqlite.get_path().stat()
        self.fingerprint = f"{file.st_size} {file.st_mtime_ns}"

    def read_migrations(self) -> set[tuple[str, str]]:
        return set(self._connection.execute("SELECT app, name FROM django_migrations"))

    def count(self, table: Table) -> int:
        return self._connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]

    def read_chunk(self, table: Table, after: list[Any], limit: int) -> list[tuple]:
        """The next rows after this key in the order of the keys; from the first one on if it is empty."""
        keys = ", ".join(f'"{key}"' for key in table.keys)
        where = f"WHERE ({keys}) > ({', '.join('?' * len(after))})" if after else ""
        sql = f'SELECT {table.names} FROM "{table.name}" {where} ORDER BY {keys} LIMIT {limit}'
        return [table.read_sqlite_row(row) for row in self._connection.execute(sql, after)]

    def read_all(self, table: Table) -> Iterator[tuple]:
        keys = ", ".join(f'"{key}"' for key in table.keys)
        for row in self._connection.execute(f'SELECT {table.names} FROM "{table.name}" ORDER BY {keys}'):
            yield table.read_sqlite_row(row)


@contextmanager
def open_source() -> Iterator[Source]:
    """Yield the configured database, which nobody can write to until the block ends. Raises BackupError."""
    if not sqlite.get_path().exists():
        raise BackupError(f"There is no SQLite database at {sqlite.get_path()}. Nothing was moved.")
    connection = sqlite3.connect(sqlite.get_path(), timeout=5, isolation_level=None)
    try:
        # All that was committed is then in the file itself, so that its size and time tell whether anything was.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("BEGIN IMMEDIATE")
        yield Source(connection)
    except sqlite3.OperationalError as error:
        raise BackupError(
            f"The SQLite database cannot be read alone ({error}). Stop the services first: "
            "systemctl stop portal-web portal-dialer portal-worker"
        ) from error
    finally:
        connection.close()
