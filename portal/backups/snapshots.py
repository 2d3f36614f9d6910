"""A consistent view of the database while others write, and what a manifest says about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from portal.backups import postgresql, sqlite

MIGRATIONS = "django_migrations"

# Writes the snapshot that the cursor of the connection sees to a file.
Dump = Callable[[BaseDatabaseWrapper, CursorWrapper, Path], None]
# For each database: the statements that begin the snapshot, and the function that writes it to a file.
SNAPSHOTS: dict[str, tuple[tuple[str, ...], Dump]] = {
    "sqlite": (sqlite.BEGIN_SNAPSHOT, sqlite.dump),
    "postgresql": (postgresql.BEGIN_SNAPSHOT, postgresql.dump),
}


class Snapshot:
    """The database at one time, read through a connection of its own."""

    def __init__(self, own_connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
        self._connection, self._cursor = own_connection, cursor
        self._tables = set(own_connection.introspection.table_names(cursor))

    def dump(self, path: Path) -> None:
        """Write the database as of the snapshot to the file."""
        SNAPSHOTS[self._connection.vendor][1](self._connection, self._cursor, path)

    def count_rows(self) -> dict[str, int]:
        return {table: self._query(f"SELECT count(*) FROM {self._quote(table)}")[0][0] for table in self._list_tables()}

    def read_migrations(self) -> list[str]:
        """The applied migrations, as app.name."""
        return [f"{app}.{name}" for app, name in self._query(f"SELECT app, name FROM {MIGRATIONS} ORDER BY app, name")]

    def read_upload_names(self) -> set[str]:
        """The files that rows name, relative to MEDIA_ROOT."""
        return {
            name
            for table, column in list_file_columns()
            if table in self._tables
            for (name,) in self._query(f"SELECT {self._quote(column)} FROM {self._quote(table)}")
            if name
        }

    def _list_tables(self) -> list[str]:
        return sorted({*list_tables(), MIGRATIONS} & self._tables)

    def _query(self, sql: str) -> list[tuple]:
        self._cursor.execute(sql)
        return self._cursor.fetchall()

    def _quote(self, name: str) -> str:
        return self._connection.ops.quote_name(name)


@contextmanager
def open_snapshot() -> Iterator[Snapshot]:
    """Yield a snapshot of the configured database, as it is now. It blocks no writer."""
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            for statement in SNAPSHOTS[own.vendor][0]:
                cursor.execute(statement)
            yield Snapshot(own, cursor)
    finally:
        own.close()


def list_models() -> list[type[models.Model]]:
    """The models with a table of their own, those between the two sides of a many-to-many relation included."""
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def list_tables() -> list[str]:
    return sorted(model._meta.db_table for model in list_models())


def list_file_columns() -> list[tuple[str, str]]:
    """Table and column of each field that names an upload."""
    return sorted(
        (model._meta.db_table, str(field.column))
        for model in list_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.FileField)
    )
