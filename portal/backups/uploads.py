"""The uploads of a backup: hard links keep files that the portal deletes while the backup is made.

The portal writes a file before the row that names it, and deletes it about when the row goes. A backup therefore links
all files, takes the snapshot of the database, and links the files that its rows name and that are new.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from portal.backups.data_directory import give_to_portal, sync

# Folders in MEDIA_ROOT, so that they are on its file system. No upload begins with a dot.
LINKS, RESTORED = ".backup", ".restored"


class LinkedUploads:
    """Links to uploads in a folder of their own. `paths` has the link of each upload by its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths: dict[str, Path] = {}

    def add_all(self) -> None:
        self.add(_list_uploads())

    def add(self, names: Iterable[str]) -> set[str]:
        """Link the files of these names, and return the names of files that do not exist."""
        return {name for name in names if name not in self.paths and not self._link(name)}

    def _link(self, name: str) -> bool:
        link = self._folder / str(len(self.paths))
        try:
            _link_or_copy(settings.MEDIA_ROOT / name, link)
        except (FileNotFoundError, IsADirectoryError):
            return False
        self.paths[name] = link
        return True


def _link_or_copy(file: Path, link: Path) -> None:
    try:
        os.link(file, link)
    except OSError:  # a file system without hard links, or no such file
        shutil.copyfile(file, link)


@contextmanager
def link_uploads() -> Iterator[LinkedUploads]:
    """Yield an empty set of links, and delete them at the end. Called under the lock of the data directory."""
    folder = settings.MEDIA_ROOT / LINKS
    for left in (LINKS, RESTORED):  # of a backup or a restore that was killed
        shutil.rmtree(settings.MEDIA_ROOT / left, ignore_errors=True)
    is_new = not settings.MEDIA_ROOT.exists()
    folder.mkdir(parents=True)
    give_to_portal(settings.MEDIA_ROOT if is_new else folder)
    try:
        yield LinkedUploads(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _list_uploads() -> Iterator[str]:
    """The names of all files in MEDIA_ROOT. Files that come or go meanwhile may be among them or not."""
    for folder, subfolders, files in os.walk(settings.MEDIA_ROOT):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in files:
            yield os.path.relpath(os.path.join(folder, name), settings.MEDIA_ROOT)


def has_uploads() -> bool:
    return any(True for _ in _list_uploads())


@contextmanager
def unpack_folder() -> Iterator[Path]:
    """Yield an empty folder for the uploads of a backup, and delete what is left in it at the end."""
    folder = settings.MEDIA_ROOT / RESTORED
    shutil.rmtree(folder, ignore_errors=True)
    is_new = not settings.MEDIA_ROOT.exists()
    folder.mkdir(parents=True)
    try:
        if is_new:
            give_to_portal(settings.MEDIA_ROOT)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_uploads(unpacked: Path) -> None:
    """Delete all uploads, and move the unpacked ones to their place. MEDIA_ROOT may be a mount point, so it stays."""
    give_to_portal(unpacked)
    for old in settings.MEDIA_ROOT.iterdir():
        if old == unpacked:
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    for new in sorted(unpacked.iterdir()):
        new.rename(settings.MEDIA_ROOT / new.name)
    sync(settings.MEDIA_ROOT)
