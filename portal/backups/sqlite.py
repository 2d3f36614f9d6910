"""Copy an SQLite database while others write to it, and put such a copy in its place."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from django.db import DatabaseError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from portal.backups.data_directory import give_to_portal, sync
from portal.backups.errors import BackupError

# A transaction begins its snapshot when it reads for the first time.
BEGIN_SNAPSHOT = ("BEGIN", "SELECT count(*) FROM sqlite_master")


def dump(own: BaseDatabaseWrapper, cursor: CursorWrapper, path: Path) -> None:
    """Write the snapshot to a file. The backup API copies what the open transaction of the connection sees."""
    copy = sqlite3.connect(path)
    try:
        copy.execute("PRAGMA synchronous=OFF")
        own.connection.backup(copy)
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        copy.close()
    if found != "ok":
        raise BackupError(
            f"The database is damaged: {found}. No backup was made. Keep the earlier ones, and restore the last one "
            "that is whole."
        )


def get_path() -> Path:
    return Path(connection.settings_dict["NAME"])


def get_unpack_path() -> Path:
    """Where the database of a backup is unpacked: beside the configured one, so that it can be renamed."""
    return get_path().with_name(f"{get_path().name}.restored")


def is_without_accounts() -> bool:
    """Whether there is no database, or one that nobody used. A damaged one may have been used."""
    if not get_path().exists():
        return True
    try:
        return not _has_accounts()
    except DatabaseError:
        return False


def _has_accounts() -> bool:
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            tables = {"portal_user", "portal_account"} & set(own.introspection.table_names(cursor))
            for table in sorted(tables):
                cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
                if cursor.fetchone():
                    return True
    finally:
        own.close()
    return False


def replace(unpacked: Path) -> None:
    """Put the unpacked database in the place of the configured one."""
    connections.close_all()
    give_to_portal(unpacked)
    for suffix in ("-wal", "-shm"):  # SQLite would apply them to the new file
        get_path().with_name(get_path().name + suffix).unlink(missing_ok=True)
    os.replace(unpacked, get_path())
    sync(get_path().parent)
