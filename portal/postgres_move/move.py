"""Move a portal from SQLite to PostgreSQL."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import connection
from environ import Env
from psycopg.conninfo import make_conninfo

from portal.backups.data_directory import lock_data_directory
from portal.backups.errors import BackupError
from portal.backups.in_use import list_connections, refuse_if_in_use
from portal.postgres_move.source import Source, open_source
from portal.postgres_move.tables import Table, list_tables
from portal.postgres_move.target import STATE, Target

# Rows that are copied in one transaction. A killed move copies at most these again.
CHUNK = 20_000
Report = Callable[[str], object]
# Settings that name another database than the new one.
FOR_OTHERS = ("DATABASE_URL_FILE", "MIGRATE_DATABASE_URL", "MIGRATE_DATABASE_URL_FILE")


def move_to_postgresql(address: str, *, restart: bool = False, report: Report, chunk: int = CHUNK) -> int:
    """Copy all tables into the empty database at this address (a DATABASE_URL); return the number of rows.

    Each chunk commits with the progress, so that a move that was killed continues. Raises BackupError.
    """
    if connection.vendor != "sqlite":
        raise BackupError("DATABASE_URL is PostgreSQL already. The move reads the SQLite database that it names.")
    tables = list_tables()
    with lock_data_directory():
        refuse_if_in_use("A move")
        with open_source() as source, _open_target(address) as target:
            if restart and target.has_table(STATE):
                report("Emptying the new database.")
                target.restart(tables)
            _begin(source, target, tables, address, report)
            for table in tables:
                _copy(source, target, table, chunk, report)
            report("Creating indexes and constraints.")
            target.restore_constraints()
            target.complete(tables)
            rows = sum(_verify(source, target, table, report) for table in tables)
            target.forget_progress()
    return rows


@contextmanager
def _open_target(address: str) -> Iterator[Target]:
    """Yield the database, which nobody else may use. Raises BackupError."""
    try:
        opened = psycopg.connect(_read_address(address), autocommit=True, options="-c timezone=UTC")
    except psycopg.Error as error:
        raise BackupError(f"The new database cannot be reached: {' '.join(str(error).split())}") from error
    with opened:
        with opened.cursor() as cursor:
            users = list_connections(cursor)
        if users:
            raise BackupError(f"Others use the new database: {'; '.join(users[:5])}. Stop them first.")
        yield Target(opened)


def _read_address(address: str) -> str:
    """The address as psycopg takes it. Raises BackupError.

    It is read as DATABASE_URL is: libpq itself expects the folder of a socket in another place.
    """
    try:
        named = Env.db_url_config(address)
    except ValueError:  # such as a port that is no number
        named = {}
    if named.get("ENGINE") != "django.db.backends.postgresql":
        raise BackupError("This is no address of a PostgreSQL database, such as postgres:////run/postgresql/portal.")
    keys = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    values = {key: str(named[name]) for key, name in keys.items() if named.get(name)}
    return make_conninfo(**values, **named.get("OPTIONS", {}))


def _begin(source: Source, target: Target, tables: list[Table], address: str, report: Report) -> None:
    """Prepare the new database, or check that an unfinished move may continue."""
    if target.has_table(STATE):
        if target.get("source") != source.fingerprint:
            raise BackupError(
                "The SQLite database has changed since the move began. Stop the services, then run the move again with "
                "--restart: it empties the new database and copies everything."
            )
        report("Continuing an unfinished move.")
        return
    if not target.has_table("django_migrations"):
        report("Creating the tables.")
        _migrate(address)
    if source.read_migrations() != target.read_migrations():
        raise BackupError(
            "The two databases have different tables. Nothing was moved. Run `manage.py migrate` with this version for "
            "both: with DATABASE_URL as it is, and with DATABASE_URL set to the new database."
        )
    if any(target.query(f"SELECT EXISTS (SELECT FROM {name})")[0][0] for name in ("portal_user", "portal_account")):
        raise BackupError("The new database has users or accounts. Nothing was moved. Name an empty database.")
    target.prepare(tables, source.fingerprint)


def _migrate(address: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in FOR_OTHERS}
    done = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--no-input", "-v", "0"],
        env=environment | {"DATABASE_URL": address},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"The tables could not be created in the new database: {done.stderr.strip()[-1000:]}")


def _copy(source: Source, target: Target, table: Table, chunk: int, report: Report) -> None:
    total = source.count(table)
    key = target.get_last_key(table)
    copied = target.query(f'SELECT count(*) FROM "{table.name}"')[0][0]
    while rows := source.read_chunk(table, key, chunk):
        target.write_chunk(table, rows)
        key = table.get_key(rows[-1])
        copied += len(rows)
        report(f"{table.name}: {copied:,} of {total:,} rows copied.")


def _verify(source: Source, target: Target, table: Table, report: Report) -> int:
    """Compare the number of rows and their checksum; return the number. Raises BackupError if they differ."""
    expected, found = _sum_up(source.read_all(table)), _sum_up(target.read_all(table))
    if expected != found:
        raise BackupError(
            f"{table.name} differs: {expected[0]:,} rows with the checksum {expected[1][:12]} in SQLite, {found[0]:,} "
            f"with {found[1][:12]} in PostgreSQL. Keep using SQLite, and run the move again with --restart."
        )
    if expected[0]:
        report(f"{table.name}: {expected[0]:,} rows verified, checksum {expected[1][:12]}.")
    return expected[0]


def _sum_up(rows: Iterable[tuple]) -> tuple[int, str]:
    count, checksum = 0, hashlib.sha256()
    for row in rows:
        count += 1
        checksum.update(repr(row).encode())
    return count, checksum.hexdigest()
