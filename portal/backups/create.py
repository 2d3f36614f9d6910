"""Make a backup."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection

from portal.backups import postgresql
from portal.backups.archive import DATABASES, UPLOADS, write_archive
from portal.backups.data_directory import describe_unfinished_restore, lock_data_directory, sync, try_lock
from portal.backups.errors import BackupError
from portal.backups.manifest import Manifest
from portal.backups.snapshots import Snapshot, open_snapshot
from portal.backups.uploads import LinkedUploads, link_uploads
from portal.db.outages import is_disk_full

NAME = "portal-%Y%m%dT%H%M%SZ.tar.gz"
NAME_PATTERN = re.compile(r"portal-\d{8}T\d{6}Z\.tar\.gz")
UNFINISHED = ".unfinished-backup-"
# A file that came and went between two steps is missing in one snapshot, and not needed in the next.
ATTEMPTS = 5
Report = Callable[[str], object]


def create_backup(target: Path, *, now: datetime, keep: int = 0, report: Report) -> Path:
    """Write a backup to the file `target`, or to a new file in the folder `target`; return its path.

    In a folder, `keep` is how many backups stay, the newest ones; 0 keeps all. The archive gets its name when it is
    complete. Raises BackupError.
    """
    if keep and not target.is_dir():
        raise BackupError("--keep needs a folder: it deletes the older backups in it. No backup was made.")
    path = target / now.astimezone(UTC).strftime(NAME) if target.is_dir() else target
    if path.exists():
        raise BackupError(f"{path} exists already. No backup was made. Name another file, or a folder.")
    if not path.parent.is_dir():
        raise BackupError(f"The folder {path.parent} does not exist. No backup was made. Create it first.")
    if problem := describe_unfinished_restore():
        raise BackupError(f"No backup was made. {problem}")
    with lock_data_directory(), _explaining_errors(path.parent), _work_folder(path.parent) as folder:
        manifest = _write(folder / "archive", folder, now=now, report=report)
        (folder / "archive").rename(path)
        sync(path.parent)
    report(f"{path}: {path.stat().st_size:,} bytes.")
    if manifest.missing_uploads:
        report(f"{len(manifest.missing_uploads)} files that rows name do not exist: {manifest.missing_uploads[0]} ...")
    _delete_old(target, keep, report)
    return path


def _write(path: Path, folder: Path, *, now: datetime, report: Report) -> Manifest:
    database = folder / "database"
    with link_uploads() as links:
        with _snapshot_with_uploads(links) as (snapshot, names):
            server, tool = postgresql.get_versions() if connection.vendor == "postgresql" else _sqlite_versions()
            manifest = Manifest(
                created_at=now.astimezone(UTC).isoformat(),
                database=connection.vendor,
                server=server,
                tool=tool,
                migrations=snapshot.read_migrations(),
                rows=snapshot.count_rows(),
                missing_uploads=sorted(names - links.paths.keys()),
            )
            report(f"Database: {sum(manifest.rows.values()):,} rows in {len(manifest.rows)} tables.")
            snapshot.dump(database)
        uploads = {f"{UPLOADS}{name}": links.paths[name] for name in sorted(names & links.paths.keys())}
        report(f"Uploads: {len(uploads):,} files.")
        write_archive(path, {DATABASES[connection.vendor]: database} | uploads, manifest)
    return manifest


def _sqlite_versions() -> tuple[int, int]:
    return sqlite3.sqlite_version_info[0], 0


@contextmanager
def _snapshot_with_uploads(links: LinkedUploads) -> Iterator[tuple[Snapshot, set[str]]]:
    """Yield a snapshot, and the names of the uploads in it, which are linked unless they do not exist at all.

    A file that is missing twice does not exist. One that is missing for the first time was written and deleted between
    two steps, so that another snapshot is taken.
    """
    missing_before: set[str] = set()
    for attempt in range(1, ATTEMPTS + 1):
        links.add_all()
        with open_snapshot() as snapshot:
            names = snapshot.read_upload_names()
            missing = links.add(names)
            if missing <= missing_before or attempt == ATTEMPTS:
                yield snapshot, names
                return
        missing_before = missing


@contextmanager
def _work_folder(parent: Path) -> Iterator[Path]:
    """Yield a folder for unfinished files, in the folder of the backup. Delete those that killed backups left."""
    for left in parent.glob(f"{UNFINISHED}*"):
        with _lock(left) as is_mine:
            if is_mine:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    try:
        with _lock(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Lock a folder, if no other process has, until the block ends. Another portal may write to the same folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explaining_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        no_space = f"There is no space left in {folder}. Free some, or name another folder"
        advice = no_space if is_disk_full(error) else str(error)
        raise BackupError(f"No backup was made. {advice}.") from error


def _delete_old(folder: Path, keep: int, report: Report) -> None:
    """Delete all but the newest `keep` backups. Only files that are named as this command names them count."""
    if keep:
        backups = sorted(path for path in folder.iterdir() if NAME_PATTERN.fullmatch(path.name))
        for old in backups[:-keep]:
            old.unlink()
            report(f"Deleted {old.name}: --keep {keep}.")
