"""The disk of the database, of the uploads or of the logs is full."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.torture.disks import Disk
from tests.torture.faults import Fault
from tests.torture.installation import Installation
from tests.torture.scene import Scene

SECONDS = 30


@contextmanager
def full(get_disk: Callable[[Installation], Disk], scene: Scene) -> Iterator[None]:
    disk = get_disk(scene.portal)
    try:
        for _ in range(SECONDS):
            disk.fill()
            time.sleep(1)
        yield
    finally:
        disk.free()
        scene.portal.database.start_if_ended()


FAULTS = [
    Fault("disk of the database full", partial(full, lambda portal: portal.database.disk)),
    Fault("disk of the uploads full", partial(full, lambda portal: portal.uploads)),
    Fault("disk of the logs full", partial(full, lambda portal: portal.logs)),
]
