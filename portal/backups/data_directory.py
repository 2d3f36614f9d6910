"""The data directory during a backup, a restore or a move: lock, owner of files, and an unfinished restore."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.checks import CheckMessage, Error

from portal.backups.errors import BackupError

FOLDER_MODE, FILE_MODE = 0o750, 0o640


@contextmanager
def lock_data_directory() -> Iterator[None]:
    """Hold the lock that backups, restores and moves share. Raises BackupError while another one holds it.

    The lock is on the directory itself, and the system releases it when the process ends, however it ends.
    """
    if not settings.DATA_DIR.is_dir():
        raise BackupError(f"{settings.DATA_DIR} does not exist. Create it, or set DATA_DIR to the portal's directory.")
    folder = os.open(settings.DATA_DIR, os.O_RDONLY)
    try:
        if not try_lock(folder):
            raise BackupError(
                f"Another backup, restore or move works on {settings.DATA_DIR}. Nothing was done. "
                "Run this again when it has ended."
            )
        yield
    finally:
        os.close(folder)


def try_lock(descriptor: int) -> bool:
    """Lock an open file or folder. False if another process holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def give_to_portal(path: Path) -> None:
    """Set the modes of a file, or of a folder with all it contains, and the owner if this process is root.

    The owner becomes that of the data directory: the portal runs as that user, and could not write files of root.
    """
    for one in [path, *(path.rglob("*") if path.is_dir() else ())]:
        one.chmod(FOLDER_MODE if one.is_dir() else FILE_MODE)
        if os.geteuid() == 0:
            owner = settings.DATA_DIR.stat()
            os.chown(one, owner.st_uid, owner.st_gid)


def sync(path: Path) -> None:
    """Make the content of a file, or the names in a folder, survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# An unfinished restore


def _marker() -> Path:
    return Path(settings.DATA_DIR) / "restore-unfinished"


def begin_restore(archive: Path) -> None:
    """Note that the portal's data is being replaced. From here on, the portal does not start until `end_restore`."""
    _marker().write_text(f"{archive.resolve()}\n")
    give_to_portal(_marker())
    sync(_marker())
    sync(settings.DATA_DIR)


def end_restore() -> None:
    _marker().unlink(missing_ok=True)
    sync(settings.DATA_DIR)


def describe_unfinished_restore() -> str:
    """What to do about a restore that was interrupted; empty if there is none."""
    try:
        archive = _marker().read_text().strip()
    except FileNotFoundError:
        return ""
    return (
        f"A restore of {archive} was interrupted, so the database and the uploads may not belong together. "
        f"Run it again: manage.py restore {archive}"
    )


def check_restore_finished(**kwargs: object) -> list[CheckMessage]:
    """Django's system check, which every command runs when it starts. Web processes ask themselves."""
    problem = describe_unfinished_restore()
    return [Error(problem, id="portal.E001")] if problem else []
