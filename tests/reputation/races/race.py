"""Changes at the same moment: in threads on PostgreSQL, and in processes on SQLite, each with its own connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connection, connections

from tests.reputation.races import actions
from tests.support.processes import start_python
from tests.support.waiting import wait_until

# Only to end a test that hangs.
TIMEOUT = 120
Action = tuple[Any, ...]

_PROCESS = """
import json, pathlib, sys, time
import django
django.setup()
from tests.reputation.races import actions
from django.db import connection
start, result, action = sys.argv[1], pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
connection.ensure_connection()
result.with_suffix(".ready").touch()
while not pathlib.Path(start).exists():
    time.sleep(0.001)
result.with_suffix(".new").write_text(json.dumps(actions.run(*action)))
result.with_suffix(".new").rename(result)
"""


def race(folder: Path, *started: Action) -> list[str]:
    """Start actions of tests.reputation.races.actions at once, each a name and ids; return what each said."""
    return _race_threads(started) if connection.vendor == "postgresql" else _race_processes(folder, started)


def _race_threads(started: tuple[Action, ...]) -> list[str]:
    barrier = threading.Barrier(len(started))
    outcomes = [""] * len(started)

    def run(index: int, action: Action) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(TIMEOUT)
            outcomes[index] = actions.run(*action)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(started)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    return outcomes


def _race_processes(folder: Path, started: tuple[Action, ...]) -> list[str]:
    results = [folder / f"{index}.json" for index in range(len(started))]
    processes = [
        start_python(_PROCESS, folder / "start", result, json.dumps(action))
        for result, action in zip(results, started, strict=True)
    ]
    try:
        wait_until(lambda: all(result.with_suffix(".ready").exists() for result in results), seconds=TIMEOUT)
        (folder / "start").touch()
        wait_until(lambda: all(result.exists() for result in results), seconds=TIMEOUT)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [json.loads(result.read_text()) for result in results]


def meanwhile(action: Callable[[], Any]) -> Callable[[], Any]:
    """Start the action in a thread, and return once it waits for a lock of this transaction, or has ended.

    Returns a function that waits for its end, and returns its value, or the exception that it raised. SQLite does not
    say who waits; there it returns once the action has begun, which waits with its first write.
    """
    outcome: list[Any] = []
    begun, ended = threading.Event(), threading.Event()

    def run() -> None:
        begun.set()
        try:
            outcome.append(action())
        except Exception as error:
            outcome.append(error)
        finally:
            connections.close_all()
            ended.set()

    threading.Thread(target=run).start()
    is_waiting = _somebody_waits if connection.vendor == "postgresql" else begun.is_set
    wait_until(lambda: ended.is_set() or is_waiting())

    def get_outcome() -> Any:
        assert ended.wait(TIMEOUT)
        return outcome[0]

    return get_outcome


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])
