"""The manifest of a backup: what is in the archive, and which version of the portal made it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from portal import __version__
from portal.backups.errors import BackupError

PRODUCT, FORMAT = "number-reputation-portal", 1


@dataclass
class Content:
    """A file of the archive: its size in bytes, and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass
class Manifest:
    """`created_at` is the time of the snapshot in UTC (ISO 8601). `rows` counts the rows of each table in it.

    `migrations` are names as app.name. `server` and `tool` are the versions of the database and of pg_dump, the latter
    0 for SQLite. `missing_uploads` are files that rows name and that did not exist in the portal either.
    """

    created_at: str
    database: str
    server: int
    tool: int
    migrations: list[str]
    rows: dict[str, int]
    missing_uploads: list[str]
    contents: dict[str, Content] = field(default_factory=dict)
    version: str = __version__
    product: str = PRODUCT
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def taken_at(self) -> datetime:
        return datetime.fromisoformat(self.created_at)


def read_manifest(text: bytes) -> Manifest:
    """Raises BackupError if this is not the manifest of a backup that this version can read."""
    try:
        values = json.loads(text)
        if values["product"] != PRODUCT:
            raise ValueError("another product")
        if values["format"] > FORMAT:
            raise BackupError(
                f"The backup was made by version {values['version']} of the portal, in a format that this version "
                f"({__version__}) cannot read. Install that version first. Nothing was changed."
            )
        contents = {name: Content(**content) for name, content in values.pop("contents").items()}
        return Manifest(**values, contents=contents)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError("The manifest of the archive cannot be read. Nothing was changed.") from error


def check_fits(manifest: Manifest) -> None:
    """Raises BackupError if the backup is for another database, or newer than this code."""
    if manifest.database != connection.vendor:
        raise BackupError(
            f"This is a backup of {_name(manifest.database)}, and the portal is configured for "
            f"{_name(connection.vendor)}. Nothing was changed. Restore it with DATABASE_URL set to the database it was "
            "made from. `manage.py move_to_postgres` then moves a portal from SQLite to PostgreSQL."
        )
    known = MigrationLoader(None).disk_migrations or {}
    unknown = sorted(set(manifest.migrations) - {f"{app}.{name}" for app, name in known})
    if unknown:
        raise BackupError(
            f"The backup is newer than this code: its database has the migration {unknown[0]}, which version "
            f"{__version__} does not know. Nothing was changed. Install version {manifest.version}, then restore."
        )


def _name(vendor: str) -> str:
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(vendor, vendor)
