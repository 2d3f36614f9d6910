"""`manage.py collectstatic` for a portal that runs: its web processes read the files meanwhile.

Django's command deletes files and writes them again, and compression truncates them, although their content is the
same. A request in between failed. Here all files are made in a folder of their own, and those that differ are moved to
STATIC_ROOT, each in one step. Nothing is deleted, since pages of the former version refer to its files.
"""

from __future__ import annotations

import filecmp
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.contrib.staticfiles.management.commands import collectstatic
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.storage import storages


class Command(collectstatic.Command):
    def collect(self) -> dict[str, list[str]]:
        root = Path(settings.STATIC_ROOT)
        if self.dry_run:
            return super().collect()
        make_folder(root, settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS)
        with TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as folder:
            backend = settings.STORAGES["staticfiles"]["BACKEND"]
            self.storage = storages.create_storage({"BACKEND": backend, "OPTIONS": {"location": folder}})
            report = super().collect()
            move_changed(Path(folder), root)
        reload_manifest()
        return report


def reload_manifest() -> None:
    """Let this process, if it goes on, know the files by their new names, as Django's command does."""
    if isinstance(staticfiles_storage, ManifestFilesMixin):
        staticfiles_storage.hashed_files, staticfiles_storage.manifest_hash = staticfiles_storage.load_manifest()


def move_changed(made: Path, root: Path) -> None:
    """Move the files that differ from those in `root` or are new there; the list of all files comes last."""
    files = sorted((path for path in made.rglob("*") if path.is_file()), key=lambda path: path.parent == made)
    for path in files:
        target = root / path.relative_to(made)
        if target.is_file() and filecmp.cmp(path, target, shallow=False):
            continue
        make_folder(target.parent, path.parent.stat().st_mode & 0o777)
        os.replace(path, target)


def make_folder(folder: Path, mode: int | None) -> None:
    """Create the folder, unless it is there, with this mode; None leaves the mode to the umask."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        if mode is not None:
            folder.chmod(mode)
