"""Migrations without those that replace others: step by step, as the database of an earlier release took them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import StateApps

from tests.support.databases import empty_database

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


@contextmanager
def stepwise_database(folder: Path) -> Iterator[Callable[..., StateApps]]:
    """Connect to a new database beside that of the tests within the block, and yield the function that migrates it.

    Called with the name of a migration of reputation, it goes there; without, to the newest. It returns the models of
    that state. Going forward takes seconds, going back from the newest state minutes.
    """

    def migrate(*target: str) -> StateApps:
        call_command("migrate", *(["reputation", *target] if target else []), verbosity=0)
        return MigrationLoader(connection).project_state([("reputation", name) for name in target] or None).apps

    with empty_database(folder) as address, _connected_to(address), migration_steps():
        yield migrate


@contextmanager
def _connected_to(address: str) -> Iterator[None]:
    tests = connection.settings_dict["NAME"]
    name = address.removeprefix("sqlite:///") if connection.vendor == "sqlite" else address.rpartition("/")[2]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = tests
