"""pg_dump, pg_restore and psql of the right version, and how they connect to the configured database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient

from portal.backups.errors import BackupError

DEBIAN_FOLDER = Path("/usr/lib/postgresql")
NAMES = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True)
class Programs:
    """The folder of the programs, and their major version."""

    folder: Path
    version: int

    def get_path(self, name: str) -> str:
        return str(self.folder / name)

    def build(self, name: str, *options: str) -> list[str]:
        """The command with the options, and those that connect it to the configured database."""
        address, _ = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        return [self.get_path(name), *options, "--no-password", *address[1:]]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the programs. The password is in it, because everybody can read a command line."""
        _, variables = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
        return os.environ | (variables or {})


def find_programs(needed: int) -> Programs:
    """The oldest installed programs of this major version or later. Raises BackupError if there are none.

    pg_dump refuses servers newer than itself, and pg_restore archives of a newer pg_dump.
    """
    found = sorted(_list_installed(), key=lambda programs: programs.version)
    for programs in found:
        if programs.version >= needed:
            return programs
    if found:
        raise BackupError(
            f"pg_dump and pg_restore are of version {found[-1].version}, and version {needed} is needed: they cannot "
            "work with a newer PostgreSQL. Install it, on Debian and Ubuntu: "
            f"apt-get install postgresql-client-{needed}. "
            "If the distribution has no such package, PostgreSQL's own repository has it (apt.postgresql.org)."
        )
    raise BackupError(
        "pg_dump, pg_restore and psql are not on this machine. On Debian and Ubuntu: apt-get install postgresql-client"
    )


def _list_installed() -> list[Programs]:
    """Debian keeps each version in a folder of its own, and its pg_dump on the PATH chooses one of them by itself."""
    folders = {path.parent for path in DEBIAN_FOLDER.glob("*/bin/pg_dump")}
    if not folders and (on_path := shutil.which("pg_dump")):
        folders = {Path(on_path).parent}
    installed = []
    for folder in folders:
        if all((folder / name).exists() for name in NAMES):
            text = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False).stdout
            if number := re.search(r"\) (\d+)", text):
                installed.append(Programs(folder, int(number[1])))
    return installed
