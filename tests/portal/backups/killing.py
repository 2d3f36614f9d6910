"""Run a backup or a restore, and kill it with SIGKILL at each of its steps in turn.

A step is a call that changes files, or starts a program. Called in a process that has set up Django, without open
connections, because each run is a fork of it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from portal.backups.archive import verify_archive
from portal.backups.create import create_backup
from portal.backups.data_directory import describe_unfinished_restore
from portal.backups.restore import restore_backup
from tests.support.waiting import wait_until

STEPS = {"open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.chmod", "subprocess.Popen"}


def run_and_kill(action: Callable[[], object], at_step: int) -> bool:
    """Run the action in a fork, and kill it when it begins this step. False if it ended before."""
    connections.close_all()
    child = os.fork()
    if not child:
        try:
            _kill_at(at_step)
            action()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), f"the action failed at step {at_step}: {status}"
    return status == signal.SIGKILL


def _kill_at(step: int) -> None:
    done = 0

    def count(event: str, arguments: tuple) -> None:
        nonlocal done
        if event not in STEPS or (event == "open" and not _writes(arguments)):
            return
        done += 1
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def _writes(arguments: tuple) -> bool:
    flags = arguments[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def run_all_kills(action: Callable[[], object], stride: int) -> Iterator[int]:
    """Yield after each kill. Ends when a run was not killed any more."""
    step = 1
    while run_and_kill(action, step):
        yield step
        step += stride


def kill_backups(folder: Path, stride: int) -> int:
    """Return how many were killed. Raises AssertionError if a killed one looks complete and is not."""
    kills, number = 0, 0

    def back_up() -> None:
        create_backup(folder / f"{number}.tar.gz", now=timezone.now(), report=lambda text: None)

    for number in run_all_kills(back_up, stride):  # noqa: B007 - back_up uses it
        kills += 1
        for path in folder.glob("*.tar.gz"):
            verify_archive(path)
    last = sorted(path for path in folder.iterdir() if not path.name.endswith(".tar.gz"))
    assert last == [], f"the last backup left files of those that were killed: {last}"
    return kills


def kill_restores(first: Path, second: Path, describe: Callable[[], dict], stride: int) -> dict[str, int]:
    """Restore the second backup over the first, and kill it at each step. Returns the kills by what was left."""
    found = {"first": 0, "unfinished": 0, "second": 0}
    restore_backup(first, replace=True, report=lambda text: None)
    states = {"first": describe()}
    restore_backup(second, replace=True, report=lambda text: None)
    states["second"] = describe()
    restore_backup(first, replace=True, report=lambda text: None)
    for _ in run_all_kills(lambda: restore_backup(second, replace=True, report=lambda text: None), stride):
        wait_for_programs()
        is_unfinished = bool(describe_unfinished_restore())
        left = "unfinished" if is_unfinished else next(name for name in states if describe() == states[name])
        found[left] += 1
        # An interrupted restore is run again without --replace.
        connections.close_all()
        restore_backup(second, replace=not is_unfinished, report=lambda text: None)
        assert describe() == states["second"], "the second run restores everything"
        assert not describe_unfinished_restore()
        hidden = [path.name for path in settings.MEDIA_ROOT.iterdir() if path.name.startswith(".")]
        assert hidden == []
        restore_backup(first, replace=True, report=lambda text: None)
    return found


def wait_for_programs() -> None:
    """Wait until psql of a killed restore has ended."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            wait_until(lambda: not _count_others(cursor))


def _count_others(cursor: CursorWrapper) -> int:
    cursor.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return cursor.fetchone()[0]
