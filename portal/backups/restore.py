"""Restore a backup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.db import connection

from portal.backups import postgresql, sqlite
from portal.backups.archive import extract_archive, verify_archive
from portal.backups.data_directory import (
    begin_restore,
    describe_unfinished_restore,
    end_restore,
    lock_data_directory,
)
from portal.backups.errors import BackupError
from portal.backups.in_use import refuse_if_in_use
from portal.backups.manifest import Manifest, check_fits
from portal.backups.uploads import has_uploads, replace_uploads, unpack_folder
from portal.db.owner import connected_as_owner, grant_rights

Report = Callable[[str], object]


def restore_backup(archive: Path, *, replace: bool, report: Report) -> Manifest:
    """Replace database and uploads by those of the backup. Raises BackupError, with nothing changed.

    Everything is verified and unpacked before anything is replaced. If this process is killed while it replaces, the
    portal does not start until the restore was run again.
    """
    if not archive.is_file():
        raise BackupError(f"{archive} does not exist, or is no file. Nothing was changed.")
    with lock_data_directory():
        report("Verifying the archive.")
        manifest = verify_archive(archive)
        check_fits(manifest)
        if not replace and not describe_unfinished_restore() and not _is_empty():
            raise BackupError(
                "This portal has data. Nothing was changed. `--replace` deletes its database and its uploads, and puts "
                "those of the backup in their place. Make a backup of it first."
            )
        refuse_if_in_use("A restore")
        with unpack_folder() as folder:
            _restore(archive, manifest, folder, report)
    return manifest


def _is_empty() -> bool:
    database = sqlite if connection.vendor == "sqlite" else postgresql
    return database.is_without_accounts() and not has_uploads()


def _restore(archive: Path, manifest: Manifest, folder: Path, report: Report) -> None:
    is_sqlite = connection.vendor == "sqlite"
    programs = None if is_sqlite else postgresql.find_restore_programs(manifest)
    database = sqlite.get_unpack_path() if is_sqlite else folder / ".database"
    try:
        report(f"Unpacking {len(manifest.contents) - 1:,} uploads and the database.")
        extract_archive(archive, manifest, database=database, uploads=folder)
        refuse_if_in_use("A restore")
        report("Replacing the database and the uploads.")
        if programs:
            _restore_postgresql(archive, database, manifest, programs)
        else:
            begin_restore(archive)
            sqlite.replace(database)
    finally:
        database.unlink(missing_ok=True)
    replace_uploads(folder)
    end_restore()


def _restore_postgresql(archive: Path, database: Path, manifest: Manifest, programs: postgresql.Programs) -> None:
    was_unfinished = bool(describe_unfinished_restore())
    begin_restore(archive)
    try:
        with connected_as_owner() as role:
            postgresql.restore(database, manifest, programs)
            if role:
                grant_rights(role)
    except BackupError:
        if not was_unfinished:
            end_restore()  # nothing has changed
        raise
