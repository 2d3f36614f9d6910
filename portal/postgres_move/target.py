"""The PostgreSQL database that is filled: prepared, filled in chunks that commit with the progress, and completed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from portal.backups.errors import BackupError
from portal.postgres_move.tables import Table

# The progress of a move: name and value. It is gone once the move is complete.
STATE = "portal_move"
_INDEXES = """
    SELECT format('DROP INDEX %s', index.indexrelid::regclass), pg_get_indexdef(index.indexrelid)
    FROM pg_index AS index JOIN pg_class AS relation ON relation.oid = index.indrelid
    WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind = 'r' AND NOT index.indisunique
    ORDER BY 1"""
_FOREIGN_KEYS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
    ORDER BY 1"""


class Target:
    """The database, through a connection that commits each statement unless it is in a transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def query(self, statement: str, *values: object) -> list[tuple]:
        return self._connection.execute(statement, values or None).fetchall()

    def execute(self, statement: str, *values: object) -> None:
        self._connection.execute(statement, values or None)

    def has_table(self, name: str) -> bool:
        return bool(self.query("SELECT to_regclass(%s) IS NOT NULL", name)[0][0])

    def read_migrations(self) -> set[tuple[str, str]]:
        return set(self.query("SELECT app, name FROM django_migrations"))

    # Progress

    def get(self, name: str) -> str | None:
        found = self.query(f"SELECT value FROM {STATE} WHERE name = %s", name)
        return found[0][0] if found else None

    def get_last_key(self, table: Table) -> list[Any]:
        """The key of the last row that was copied; empty before the first one."""
        return json.loads(self.get(f"key:{table.name}") or "[]")

    def set(self, name: str, value: str) -> None:
        self.execute(
            f"INSERT INTO {STATE} VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value", name, value
        )

    # Steps

    def prepare(self, tables: list[Table], fingerprint: str) -> None:
        """Empty the tables, which `migrate` has filled in part, and take away what slows the copy down or forbids it.

        Foreign keys could not be met while only some tables are filled. The statements that bring indexes and foreign
        keys back are kept in the table of the progress. All of this happens in one transaction.
        """
        with self._connection.transaction():
            statements = self.query(_INDEXES) + self.query(_FOREIGN_KEYS)
            self.execute(f"CREATE TABLE {STATE} (name text PRIMARY KEY, value text NOT NULL)")
            self.set("source", fingerprint)
            for number, (drop, create) in enumerate(statements):
                self.set(f"create:{number:04}", create)
                self.execute(drop)
            for table in tables:
                self.execute(f'ALTER TABLE "{table.name}" DISABLE TRIGGER USER')
            self.execute("TRUNCATE " + ", ".join(f'"{table.name}"' for table in tables))

    def write_chunk(self, table: Table, rows: list[tuple]) -> None:
        """Append the rows, and note the last key, in one transaction. Raises BackupError if a value does not fit."""
        statement = sql.SQL(f'COPY "{table.name}" ({table.names}) FROM STDIN')
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)
                self.set(f"key:{table.name}", json.dumps(table.get_key(rows[-1])))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise BackupError(
                f"PostgreSQL refuses a row that SQLite holds: {' '.join(str(error).split())}. Correct this row in the "
                "portal, then run the move with --restart."
            ) from error

    def read_all(self, table: Table) -> Iterator[tuple]:
        """All rows in the order of the keys, as SQLite orders them."""
        columns = ", ".join(column.select_postgresql() for column in table.columns)
        order = ", ".join(f'"{key}" COLLATE "C"' if key in table.text_keys else f'"{key}"' for key in table.keys)
        with self._connection.transaction(), self._connection.cursor("rows") as cursor:
            cursor.itersize = 10_000
            cursor.execute(f'SELECT {columns} FROM "{table.name}" ORDER BY {order}')
            for row in cursor:
                yield table.read_postgresql_row(row)

    def restore_constraints(self) -> int:
        """Bring indexes and foreign keys back, one by one. Return how many."""
        waiting = self.query(f"SELECT name, value FROM {STATE} WHERE starts_with(name, 'create:') ORDER BY name")
        for name, statement in waiting:
            with self._connection.transaction():
                self.execute(statement)
                self.execute(f"DELETE FROM {STATE} WHERE name = %s", name)
        return len(waiting)

    def complete(self, tables: list[Table]) -> None:
        """Switch the triggers on, and let new rows get ids above the copied ones. May be done twice."""
        with self._connection.transaction():
            for table in tables:
                self.execute(f'ALTER TABLE "{table.name}" ENABLE TRIGGER USER')
                key = table.keys[0]
                (sequence,) = self.query("SELECT pg_get_serial_sequence(%s, %s)", f'"{table.name}"', key)[0]
                if sequence:
                    top = f'SELECT COALESCE(max("{key}"), 0) + 1 FROM "{table.name}"'
                    self.execute(f"SELECT setval(%s, ({top}), false)", sequence)
        self.execute("ANALYZE")

    def forget_progress(self) -> None:
        self.execute(f"DROP TABLE {STATE}")

    def restart(self, tables: list[Table]) -> None:
        """Bring an unfinished move back to an empty database with all constraints."""
        with self._connection.transaction():
            self.execute("TRUNCATE " + ", ".join(f'"{table.name}"' for table in tables))
        self.restore_constraints()
        self.complete(tables)
        self.forget_progress()
