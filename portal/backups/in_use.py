"""Who uses the portal's database: the restore must not replace it under a running portal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from portal.backups import sqlite
from portal.backups.errors import BackupError

# Words of the command lines of web processes and workers.
PORTAL_COMMANDS = ("portal.wsgi", "qcluster", "run_workers", "runserver")
PROCESSES = Path("/proc")


def refuse_if_in_use(task: str) -> None:
    """Raises BackupError, which names the users, if others use the database. `task` is what is refused.

    PostgreSQL knows its connections from all machines. For SQLite, the processes of this machine are looked at, as far
    as this user may: those that have the file open, and portals with the same data directory, which may open it.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            users = list_connections(cursor)
    else:
        users = list(_list_processes(sqlite.get_path().resolve()))
    if users:
        raise BackupError(
            f"{task} would change the database under a running portal: {'; '.join(users[:5])}. Nothing was changed. "
            "Stop the services first: systemctl stop portal-web portal-dialer portal-worker"
        )


def list_connections(cursor: Any) -> list[str]:
    """The other connections to the PostgreSQL database of this cursor, which is Django's or psycopg's."""
    cursor.execute(
        "SELECT pid, COALESCE(host(client_addr), 'this machine'), COALESCE(application_name, '') "
        "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' ORDER BY pid"
    )
    return [f"connection {pid} from {host} {name}".strip() for pid, host, name in cursor.fetchall()]


def _list_processes(database: Path) -> Iterator[str]:
    if not PROCESSES.is_dir():
        return  # not Linux: nothing can be known
    for folder in PROCESSES.iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid() and _uses_portal(folder, database):
            command = _read_words(folder / "cmdline")
            yield f"process {folder.name} ({' '.join(command)[:80]})"


def _uses_portal(folder: Path, database: Path) -> bool:
    try:
        if any(_leads_to(entry, database) for entry in (folder / "fd").iterdir()):
            return True
    except OSError:
        pass  # it has ended, or belongs to another user
    command = " ".join(_read_words(folder / "cmdline"))
    is_portal = any(name in command for name in PORTAL_COMMANDS)
    return is_portal and f"DATA_DIR={settings.DATA_DIR}" in _read_words(folder / "environ")


def _leads_to(descriptor: Path, database: Path) -> bool:
    try:
        return os.readlink(descriptor).removesuffix("-wal") == str(database)
    except OSError:
        return False


def _read_words(path: Path) -> list[str]:
    """The words of a file of /proc, which end with NUL. None if the process has ended or belongs to another user."""
    try:
        return [word for word in path.read_bytes().decode(errors="replace").split("\0") if word]
    except OSError:
        return []
