"""kill -9 of each kind of process, of workers also during each kind of work, and SIGTERM to a whole group."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial

from django.utils import timezone

from portal.models import Lease
from reputation.models import BulkAction, NumberImport
from tests.torture.checks import ask
from tests.torture.faults import Fault
from tests.torture.processes import list_cluster, list_descendants
from tests.torture.scene import Scene

KILLS = 20
WAIT_SECONDS = 60
PAUSE_SECONDS = 0.05
# The sweeps whose workers are killed, by the beginning of the name of their lease.
SWEEPS = {"look-ups": "look up", "verification": "verify", "cases": "advance cases", "webhooks": "deliver webhooks"}


def get_web_worker(scene: Scene) -> list[int]:
    return [scene.random.choice(list_descendants(scene.portal.get("web").pid))]


def get_web_main(scene: Scene) -> list[int]:
    return [scene.portal.get("web").pid]


def get_supervisor(scene: Scene) -> list[int]:
    return [scene.portal.get("workers 0").pid]


def get_of_cluster(role: str, scene: Scene) -> list[int]:
    pids = list_cluster(scene.portal.get("workers 0").pid, role)
    return [scene.random.choice(pids)]


def get_workers(scene: Scene) -> list[int]:
    return list_cluster(scene.portal.get("workers 0").pid, "worker")


def list_work_in_progress() -> list[str]:
    """The names of the sweeps that run, and the kinds of rows that a worker holds."""
    now = timezone.now()
    held = {"lease_until__gt": now}
    sweeps = Lease.objects.filter(name__startswith="sweep:", **held).values_list("name", flat=True)
    found = [name.removeprefix("sweep:") for name in sweeps]
    for model, name in ((NumberImport, "import"), (BulkAction, "bulk action")):
        if model.objects.filter(**held).exists():
            found.append(name)
    return sorted(found)


@contextmanager
def killed(choose: Callable[[Scene], list[int]], during: str, scene: Scene) -> Iterator[None]:
    """Kill processes while work is in progress whose name begins with `during`; after WAIT_SECONDS without such."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        work = ask(list_work_in_progress)
        pids = choose(scene)
        if pids and (not during or any(name.startswith(during) for name in work) or time.monotonic() > until):
            break
        time.sleep(PAUSE_SECONDS)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    scene.notes.append(f"during {', '.join(work) or 'no work'}")
    yield


@contextmanager
def terminated(name: str, scene: Scene) -> Iterator[None]:
    """SIGTERM to all processes of a service at once, as a careless stop script sends it."""
    main = scene.portal.get(name).pid
    for pid in [main, *list_descendants(main)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    yield


def _kill(choose: Callable[[Scene], list[int]], during: str = "") -> Callable[[Scene], AbstractContextManager[None]]:
    return partial(killed, choose, during)


FAULTS = [
    Fault("kill -9 of a web worker", _kill(get_web_worker), KILLS),
    Fault("kill -9 of the web's main process", _kill(get_web_main), KILLS),
    Fault("kill -9 of the supervisor", _kill(get_supervisor), KILLS),
    *(
        Fault(f"kill -9 of the cluster's {role}", _kill(partial(get_of_cluster, role)), KILLS)
        for role in ("main", "sentinel", "monitor", "pusher", "worker")
    ),
    Fault("kill -9 of all workers during an import", _kill(get_workers, "import"), KILLS),
    Fault("kill -9 of all workers during a bulk action", _kill(get_workers, "bulk action"), KILLS),
    *(
        Fault(f"kill -9 of all workers during {name}", _kill(get_workers, sweep), KILLS)
        for name, sweep in SWEEPS.items()
    ),
    Fault("SIGTERM to the group of the workers", partial(terminated, "workers 0")),
    Fault("SIGTERM to the group of the web", partial(terminated, "web")),
]
