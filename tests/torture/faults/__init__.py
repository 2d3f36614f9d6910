"""The faults. Each is a context: the fault begins with it and ends with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.torture.scene import Scene


@dataclass(frozen=True)
class Fault:
    """`begin` begins the fault. Recovery is measured from the end of the context, for a kill from the kill.

    `times` is how often docs/reliability.md wants it on each database. `databases` are those where it can happen.
    `shifts_clock` says that the processes have to run with libfaketime.
    """

    name: str
    begin: Callable[[Scene], AbstractContextManager[None]]
    times: int = 3
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    shifts_clock: bool = False


def get_faults() -> list[Fault]:
    from tests.torture.faults import clock, clusters, databases, deploys, disks, kills, vendors

    return [fault for module in (kills, databases, disks, clusters, clock, vendors, deploys) for fault in module.FAULTS]
