"""How tasks run: a sweep takes what is due, in chunks that commit one by one."""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps

from django.conf import settings
from django.db import connection, transaction
from django_q.tasks import async_task

from portal.jobs.leases import acquire_lease

logger = logging.getLogger(__name__)

# Below the cluster's timeout (120 s), so that a sweep always ends by itself.
BUDGET_SECONDS = 55
# Writers on SQLite are not served in turn: without a pause another writer waits for seconds.
PAUSE_SECONDS = 0.02


def task(function: Callable[..., object]) -> Callable[..., None]:
    """A task for django-q2: whatever goes wrong is logged, and nothing is returned.

    A task that raised would be taken for done as well; the state in our own rows says what is left, and the next
    sweep finds it.
    """

    @wraps(function)
    def run(*args: object) -> None:
        try:
            function(*args)
        except Exception:
            logger.exception("%s failed; the next sweep goes on where it stopped", function.__qualname__)
        finally:
            _release_memory()

    return run


# Where the C library is not glibc, it has none, and needs none.
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def _release_memory() -> None:
    """SQLite keeps the pages that a task wrote, up to its cache's size, and the C library what SQLite lets go of: some
    fifty megabytes after a sweep, which a worker that waits does not need."""
    if connection.vendor == "sqlite" and connection.connection and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA shrink_memory")
        if _malloc_trim:
            _malloc_trim(0)


def enqueue(task_path: str, *args: object) -> None:
    """Asks for a task soon, because something became due in this transaction; without it the schedule finds it.

    The only place that puts anything into the queue. A queue in the database gets its row in the same transaction. Any
    other is told after the commit, and one that cannot be reached is no reason to fail.
    """
    if settings.Q_CLUSTER.get("orm"):
        async_task(task_path, *args)
    else:
        transaction.on_commit(partial(_enqueue_now, task_path, *args))


def _enqueue_now(task_path: str, *args: object) -> None:
    try:
        async_task(task_path, *args)
    except Exception as error:
        logger.warning("The queue cannot be reached (%s): %s waits for its schedule", error, task_path)


def run_until_done(name: str, step: Callable[[], int], *, shared_as: str = "") -> int:
    """Calls `step` (which does one chunk and returns how many it did) until it finds nothing more, or time is up.

    Returns how many were done in all, and says so in the log. Whoever comes while another process is at it returns 0.

    A step that claims its rows (claiming.py) may be shared: `shared_as` is the path of the task. On PostgreSQL, whose
    claims skip what others hold, a sweep that finds work then asks for another one beside it, up to SWEEPERS at once;
    on SQLite, which has one writer, they would only wait for each other.
    """
    done, until = 0, time.monotonic() + BUDGET_SECONDS
    is_shared = bool(shared_as) and settings.SWEEPERS > 1 and connection.vendor == "postgresql"
    with ExitStack() as stack:
        mine = any(
            stack.enter_context(
                acquire_lease(f"sweep:{name}" + (f":{place}" if place else ""), for_seconds=BUDGET_SECONDS + 35)
            )
            for place in range(settings.SWEEPERS if is_shared else 1)
        )
        while mine and time.monotonic() < until and (did := step()):
            if is_shared and not done:
                enqueue(shared_as)
            done += did
            time.sleep(PAUSE_SECONDS)
    if done:
        logger.info("%s: %s done", name, done)
    return done
