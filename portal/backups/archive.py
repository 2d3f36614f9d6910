"""The archive of a backup: a compressed tar of the database, the uploads, and, last, the manifest with checksums."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from portal.backups.data_directory import FILE_MODE
from portal.backups.errors import BackupError
from portal.backups.manifest import Content, Manifest, read_manifest

MANIFEST = "manifest.json"
UPLOADS = "uploads/"
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.pgdump"}
# Higher levels take several times as long, and save a tenth of the size.
COMPRESSION_LEVEL = 1
CHUNK = 1024 * 1024


class HashingReader:
    """Reads a file, and knows the checksum of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        self._size += len(data)
        return data

    @property
    def content(self) -> Content:
        return Content(self._size, self._hash.hexdigest())


def write_archive(path: Path, files: dict[str, Path], manifest: Manifest) -> None:
    """Write the files under their names, then the manifest, whose `contents` are filled with their checksums."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "wb") as raw:
        os.fchmod(descriptor, FILE_MODE)
        with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=COMPRESSION_LEVEL) as archive:
            for name, source in files.items():
                with source.open("rb") as file:
                    reader = HashingReader(file)
                    archive.addfile(_describe(name, os.fstat(file.fileno()).st_size, manifest), reader)
                    manifest.contents[name] = reader.content
            text = manifest.to_json()
            archive.addfile(_describe(MANIFEST, len(text), manifest), io.BytesIO(text))
        raw.flush()
        os.fsync(descriptor)


def _describe(name: str, size: int, manifest: Manifest) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, FILE_MODE, int(manifest.taken_at.timestamp())
    return info


def verify_archive(path: Path) -> Manifest:
    """Read the whole archive, and return its manifest. Raises BackupError if anything is damaged or missing."""
    found: dict[str, Content] = {}
    manifest = None
    with _reporting_damage(path):
        for name, file in _read_members(path):
            if name == MANIFEST:
                manifest = read_manifest(file.read())
            else:
                found[name] = _copy(file, lambda data: None)
    if manifest is None:
        raise BackupError(f"{path} has no manifest: it is not a complete backup of the portal. Nothing was changed.")
    names = found.keys() | manifest.contents
    damaged = sorted(name for name in names if found.get(name) != manifest.contents.get(name))
    if damaged or DATABASES.get(manifest.database) not in found:
        raise BackupError(
            f"{path} is damaged: {damaged[0] if damaged else 'the database'} is not as the manifest says. "
            "Nothing was changed. Use another backup."
        )
    return manifest


def extract_archive(path: Path, manifest: Manifest, *, database: Path, uploads: Path) -> None:
    """Write the database to one file, and the uploads into one folder. `manifest` is that of the verified archive.

    Raises BackupError if the archive has changed since, or there is no space left.
    """
    with _reporting_damage(path):
        for name, file in _read_members(path):
            if name == MANIFEST:
                continue
            target = uploads / name.removeprefix(UPLOADS) if name.startswith(UPLOADS) else database
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                content = _copy(file, out.write)
                out.flush()
                os.fsync(out.fileno())
            if content != manifest.contents.get(name):
                raise BackupError(f"{path} has changed while it was read. Nothing was changed in the portal.")


def _copy(file: IO[bytes], write: Callable[[bytes], object]) -> Content:
    reader = HashingReader(file)
    while data := reader.read(CHUNK):
        write(data)
    return reader.content


def _read_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the content of each file. Raises BackupError for what no backup contains."""
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is None or not _is_expected(member.name):
                raise BackupError(f"{path} is not a backup of the portal: it contains {member.name!r}.")
            yield member.name, file


def _is_expected(name: str) -> bool:
    parts = PurePosixPath(name).parts
    is_upload = name.startswith(UPLOADS) and len(parts) > 1 and name == "/".join(parts) and ".." not in parts
    return is_upload or name in (MANIFEST, *DATABASES.values())


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise _not_whole(path, error) from error
    except OSError as error:
        if error.errno is None:  # the gzip module's errors have no number
            raise _not_whole(path, error) from error
        raise BackupError(
            f"The archive cannot be read or unpacked: {error}. Nothing was changed in the portal."
        ) from error


def _not_whole(path: Path, error: Exception) -> BackupError:
    return BackupError(
        f"{path} is not a backup of the portal, or it is cut off or damaged ({error}). Nothing was changed."
    )
