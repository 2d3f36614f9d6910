"""Migrations without those that replace others: step by step, as the database of an earlier release took them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

APPS = ("portal", "enrollment", "reputation")
load_disk = MigrationLoader.load_disk


@contextmanager
def migration_steps() -> Iterator[None]:
    """Within the block, Django knows only the steps, and the database has not applied what replaces them."""
    replacing = [
        key for key, migration in MigrationLoader(None).disk_migrations.items() if key[0] in APPS and migration.replaces
    ]

    def load_steps(loader: MigrationLoader) -> None:
        load_disk(loader)
        for key in replacing:
            del loader.disk_migrations[key]

    recorder = MigrationRecorder(connection)
    applied = [key for key in replacing if key in recorder.applied_migrations()]
    for key in applied:
        recorder.record_unapplied(*key)
    try:
        with patch.object(MigrationLoader, "load_disk", load_steps):
            yield
    finally:
        for key in applied:
            recorder.record_applied(*key)
