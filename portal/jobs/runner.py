"""How tasks run: a sweep works on what is due, in chunks that commit one by one.

A task works for BUDGET_SECONDS. If something is left, it is queued again behind the tasks that wait, so that a large
piece of work does not keep the others waiting, even with one worker.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial, wraps
from hashlib import sha256

from django.conf import settings
from django.db import Error, connection, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ
from django_q.tasks import async_task

from portal.db.outages import is_outage
from portal.frames import with_room_for_frames
from portal.jobs import outages, totals
from portal.jobs.claims import RowClaim, claim_row, give_back_claims
from portal.jobs.failures import record_failure, record_success
from portal.jobs.leases import acquire_lease
from portal.jobs.renewal import keep_claims, keep_claims_of_step
from portal.jobs.task_run import task_run
from portal.logs.context import task_context
from portal.models import Lease

logger = logging.getLogger(__name__)

# How long a task works before others have their turn. Each sweep waits at most for this and one chunk of every other.
BUDGET_SECONDS = 5
# How long a continuation may wait in the queue. Then it counts as lost in any case, and may be queued once more.
MAX_WAIT = timedelta(minutes=10)
# After so long a continuation counts as lost if no task that was queued as early waits: a worker took it, and died.
LOST_AFTER = timedelta(seconds=10)
# Rows of a chunk that failed rest so long. Otherwise each attempt would ask the providers anew, every few seconds.
REST_AFTER_FAILURE = timedelta(minutes=3)
# Begins the name of the lease that exists while a continuation waits, and of that of a sweep that runs.
WAITING_PREFIX = "waits:"
SWEEP_PREFIX = "sweep:"
# SQLite does not serve writers in turn: without a pause another writer waits for seconds.
PAUSE_SECONDS = 0.02


def pause() -> None:
    """Let other writers in between two chunks."""
    time.sleep(PAUSE_SECONDS)


def task(function: Callable[..., object]) -> Callable[..., None]:
    """Make a function a task for django-q2: it logs and stores exceptions, and returns nothing.

    A task that raises counts as done for django-q2 as well. What is left to do is in our own rows, and the next sweep
    finds it. A task that called `continue_later` is queued again. `is_continuation` is set when such a run begins.
    """
    path = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    @task_context()
    @with_room_for_frames
    def run(*args: object, is_continuation: bool = False) -> None:
        started_at = timezone.now()
        is_unfinished: list[bool] = []
        is_database_away = False
        previous = _is_unfinished.set(is_unfinished)
        try:
            with keep_claims(), task_run():
                _run(partial(function, *args), path, args, is_continuation=is_continuation)
            if is_unfinished:
                enqueue_again(path, *args)
        except Exception as error:
            is_database_away = is_outage(error)
            _log_failure(function.__qualname__, error)
            record_failure(path, args, error)
        else:
            record_success(path, started_at=started_at)
        finally:
            _is_unfinished.reset(previous)
            if not is_database_away:  # otherwise it would wait for the database once more; the next task writes them
                totals.flush()
            _release_memory()

    return run


def _run(function: Callable[[], object], path: str, args: tuple[object, ...], *, is_continuation: bool) -> None:
    """Run the function. If it raises, the rows that it claimed are given back (after an outage) or rest."""
    try:
        if is_continuation:
            Lease.objects.filter(name=_waiting_name(path, args)).delete()
        function()
        outages.end()
    except Exception as error:
        give_back_claims(rest=None if is_outage(error) else REST_AFTER_FAILURE)
        raise


def _log_failure(name: str, error: Exception) -> None:
    """An outage is logged once, without a traceback: it is not the fault of the task, whose work waits."""
    if is_outage(error):
        outages.report(error)
    else:
        logger.error("%s failed; the next sweep goes on where it stopped", name, exc_info=error)


# Set while a task runs. Not empty once the task called `continue_later`.
_is_unfinished: ContextVar[list[bool] | None] = ContextVar("is_unfinished", default=None)


def continue_later() -> None:
    """Called within a task whose time is up: it is queued again behind the tasks that wait."""
    is_unfinished = _is_unfinished.get()
    if is_unfinished is not None:
        is_unfinished.append(True)


# None where the C library is not glibc.
_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


def _release_memory() -> None:
    """Give back the memory of SQLite's page cache: some 50 MB after a sweep, which an idle worker does not need.

    The C library keeps what SQLite frees, unless it is told to give it back.
    """
    if connection.vendor == "sqlite" and connection.connection and not connection.in_atomic_block:
        with suppress(Error), connection.cursor() as cursor:  # the database may be away
            cursor.execute("PRAGMA shrink_memory")
        if _malloc_trim:
            _malloc_trim(0)


def enqueue(task_path: str, *args: object, **options: object) -> None:
    """Queue a task for what became due in this transaction. If the task gets lost, the schedule finds the work.

    All tasks are queued here. A queue in the database gets its row in the same transaction. Any other queue is told
    after the commit, and the change stands if that queue cannot be reached. `options` are those of async_task.
    """
    if settings.Q_CLUSTER.get("orm"):
        async_task(task_path, *args, **options)
    else:
        transaction.on_commit(partial(_enqueue_now, task_path, *args, **options))


def _enqueue_now(task_path: str, *args: object, **options: object) -> None:
    try:
        async_task(task_path, *args, **options)
    except Exception as error:
        logger.warning("The queue cannot be reached (%s): %s waits for its schedule", error, task_path)


def enqueue_again(task_path: str, *args: object) -> bool:
    """Queue a task to continue its work behind the tasks that wait, unless its continuation waits already.

    Without this condition, each run that the schedule starts would add one more continuation. Returns whether it was
    queued.
    """
    name, now = _waiting_name(task_path, args), timezone.now()
    Lease.objects.bulk_create([Lease(name=name)], ignore_conflicts=True)
    with transaction.atomic():
        is_new = claim_row(Lease.objects.all(), name, now=now, lease=MAX_WAIT, is_renewed=False)
        if is_queued := bool(is_new or _replace_lost(name, now)):
            enqueue(task_path, *args, is_continuation=True)
    return is_queued


def _replace_lost(name: str, now: datetime) -> bool:
    """Let the lease of a continuation that the queue lost begin anew. False if the continuation may still wait."""
    waiting = Lease.objects.filter(name=name, lease_until__gt=now)
    until = waiting.values_list("lease_until", flat=True).first()
    if until is None or now - (until - MAX_WAIT) < LOST_AFTER or _holds_task_queued_by(until - MAX_WAIT, now):
        return False
    return bool(waiting.filter(lease_until=until).update(lease_until=now + MAX_WAIT))


def _holds_task_queued_by(moment: datetime, now: datetime) -> bool:
    """Whether a task waits in the queue that was queued by this moment, so that those queued then wait behind it.

    A queue in Redis does not say when a task was queued.
    """
    if settings.Q_CLUSTER.get("orm"):
        # `lock` is when the task was queued, or lies ahead once a worker took it.
        tasks = OrmQ.objects.filter(key=settings.Q_CLUSTER["name"])  # without canaries
        return tasks.filter(lock__lte=min(moment + timedelta(seconds=1), now)).exists()
    try:
        return get_broker().queue_size() > 0
    except Exception:
        return True


def _waiting_name(task_path: str, args: tuple[object, ...]) -> str:
    """The name of the lease that says that a continuation of this task waits in the queue."""
    return f"{WAITING_PREFIX}{sha256(repr((task_path, args)).encode()).hexdigest()[:40]}"


@contextmanager
def run_exclusively(name: str) -> Iterator[RowClaim[Lease] | None]:
    """Yield the lease of a sweep, or None while another process runs this sweep."""
    with acquire_lease(f"{SWEEP_PREFIX}{name}") as lease:
        yield lease


def run_until_done(name: str, step: Callable[[], int], *, parallel_task: str = "") -> int:
    """Call `step`, which does one chunk and returns how many it did, until it returns 0 or the time is up.

    Returns and logs how many were done in all. Returns 0 immediately if another process runs this sweep. If the time is
    up, the task that called this is queued again.

    A step that claims its rows (claims.py) may run in several processes: `parallel_task` is the path of its task. On
    PostgreSQL, where a claim skips the rows that others lock, a sweep that finds work queues another one, up to
    settings.SWEEPERS at once. On SQLite, which has one writer, they would only wait for each other.
    """
    started = time.monotonic()
    done, count, until = 0, 0, started + BUDGET_SECONDS
    is_parallel = bool(parallel_task) and settings.SWEEPERS > 1 and connection.vendor == "postgresql"
    with ExitStack() as stack:
        has_lease = _acquire_slot(stack, name, slots=settings.SWEEPERS if is_parallel else 1)
        while has_lease and (not done or time.monotonic() < until) and (count := _do_step(step)):
            if is_parallel and not done:
                enqueue_again(parallel_task)
            done += count
            pause()
    if count:
        continue_later()
    if done:
        totals.SWEEP_ROWS.add(name, amount=done)
        totals.SWEEP_SECONDS.add(name, amount=time.monotonic() - started)
        logger.info("%s: %s done", name, done)
    return done


def _do_step(step: Callable[[], int]) -> int:
    with keep_claims_of_step():
        return step()


def _acquire_slot(stack: ExitStack, name: str, *, slots: int) -> bool:
    """Enter the first free lease of those that share this sweep. False if all are held."""
    names = (f"{name}:{slot}" if slot else name for slot in range(slots))
    return any(stack.enter_context(run_exclusively(slot_name)) for slot_name in names)
