"""Refuse a database that was made by another version of the portal, before `migrate` changes it."""

from __future__ import annotations

from django.core.management import CommandError
from django.db import connections
from django.db.migrations.loader import MigrationLoader

APPS = ("portal", "enrollment", "reputation")


def refuse_unknown_migrations(using: str, **kwargs: object) -> None:
    """Receiver of `pre_migrate`. Raises CommandError if the database has applied migrations that this code lacks.

    Applying this version's migrations on top would fail halfway, because tables exist already.
    """
    loader = MigrationLoader(connections[using])
    known = loader.disk_migrations or {}
    unknown = sorted(
        f"{app}.{name}" for app, name in loader.applied_migrations if app in APPS and (app, name) not in known
    )
    if unknown:
        raise CommandError(
            f"This database was made by another version of the portal: it has {unknown[0]}, which this version "
            "does not know. Nothing was changed. For demo data, `make demo RESET=1` starts again with a new database; "
            "otherwise run the version that made it, or set DATABASE_URL to an empty database."
        )
