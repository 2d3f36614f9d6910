"""The database is stopped, paused, and slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.torture.faults import Fault
from tests.torture.scene import Scene

SECONDS = 30


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    with scene.portal.database.stopped():  # type: ignore[union-attr]  # only PostgreSQL has this fault
        time.sleep(SECONDS)
        yield


@contextmanager
def paused(scene: Scene) -> Iterator[None]:
    with scene.portal.database.paused():
        time.sleep(SECONDS)
        yield


@contextmanager
def slowed(scene: Scene) -> Iterator[None]:
    with scene.portal.database.slowed():
        time.sleep(SECONDS)
        yield


FAULTS = [
    Fault("database stopped", stopped, databases=("postgresql",)),
    Fault("database paused", paused),
    Fault("database slow", slowed),
]
