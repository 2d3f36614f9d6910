"""The clock is an hour fast or slow for a while, and then right again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.torture.faults import Fault
from tests.torture.scene import Scene

SECONDS = 30


@contextmanager
def shifted(offset: str, scene: Scene) -> Iterator[None]:
    scene.portal.clock.write_text(offset)
    try:
        time.sleep(SECONDS)
    finally:
        scene.portal.clock.write_text("+0")
    yield


FAULTS = [
    Fault("clock an hour forward, then right", partial(shifted, "+3600"), shifts_clock=True),
    Fault("clock an hour back, then right", partial(shifted, "-3600"), shifts_clock=True),
]
