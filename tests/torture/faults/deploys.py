"""A deployment under load: a migration of the largest table, then the commands of docs/production.md *Upgrade*."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models

from reputation.models import PhoneNumber
from tests.torture.faults import Fault
from tests.torture.scene import Scene

COLUMN = "torture"


def migrate_numbers() -> None:
    """Add a column with a default and an index to the table of numbers, and drop them again, as two releases would."""
    field = models.IntegerField(default=0, db_default=0, name=COLUMN)
    field.set_attributes_from_name(COLUMN)
    field.model = PhoneNumber
    index = models.Index(models.F("id"), name="torture_index")
    with connection.schema_editor() as editor:
        editor.add_field(PhoneNumber, field)
    with connection.schema_editor() as editor:
        editor.add_index(PhoneNumber, index)
    with connection.schema_editor() as editor:
        editor.remove_index(PhoneNumber, index)
    with connection.schema_editor() as editor:
        editor.remove_field(PhoneNumber, field)


@contextmanager
def deployed(scene: Scene) -> Iterator[None]:
    migrate_numbers()
    scene.portal.manage("migrate")
    scene.portal.manage("collectstatic", "--noinput", "-v", "0")
    os.kill(scene.portal.get("web").pid, signal.SIGHUP)
    os.kill(scene.portal.get("workers 0").pid, signal.SIGTERM)
    yield


FAULTS = [Fault("deployment with a migration", deployed)]
