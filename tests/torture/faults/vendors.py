"""The vendor of the provider, or the receiver of webhooks, behaves badly."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.torture.faults import Fault
from tests.torture.scene import Scene
from tests.torture.stand_ins import RECEIVER_BEHAVIOURS, VENDOR_BEHAVIOURS

SECONDS = 30


@contextmanager
def behaving(name: str, behaviour: str, scene: Scene) -> Iterator[None]:
    scene.portal.behave(**{name: behaviour})
    try:
        time.sleep(SECONDS)
    finally:
        scene.portal.behave()
    yield


FAULTS = [
    Fault(f"{name}: {behaviour}", partial(behaving, name, behaviour))
    for name, behaviours in (("vendor", VENDOR_BEHAVIOURS), ("receiver", RECEIVER_BEHAVIOURS))
    for behaviour in behaviours
]
