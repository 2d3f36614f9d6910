"""Two and four clusters at once, of which all but one are then killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.torture.faults import Fault
from tests.torture.scene import Scene

SECONDS = 30


@contextmanager
def more_clusters(count: int, scene: Scene) -> Iterator[None]:
    added = [scene.portal.add_cluster(number) for number in range(1, count)]
    time.sleep(SECONDS)
    for service in added:
        service.is_wanted = False
        os.kill(service.pid, signal.SIGKILL)
        service.stop()
        scene.portal.services.remove(service)
    yield


FAULTS = [
    Fault("two clusters, one of them killed", partial(more_clusters, 2)),
    Fault("four clusters, three of them killed", partial(more_clusters, 4)),
]
