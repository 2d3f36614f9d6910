"""The lock of the demo's data directory: one demo at a time works on it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from django.conf import settings
from django.core.management.base import CommandError


@contextmanager
def lock_data_directory(address: str) -> Iterator[TextIO]:
    """Hold the lock of the data directory. Raises CommandError, which names the holder, if another process has it.

    The programs of the demo inherit the open file, so the lock is held as long as one of them lives, even after this
    process was killed.
    """
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(settings.DATA_DIR / "demo.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(describe_lock_holder(lock.read().split())) from None
        write_lock_file(lock, f"{os.getpid()} {address}")
        yield lock


def write_lock_file(lock: TextIO, line: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(line)
    lock.flush()


def describe_lock_holder(words: list[str]) -> str:
    """Explain the words of a lock file: process id, address, and the process groups that it started."""
    pid, address, *groups = words or ["?", "another address"]
    if pid.isdecimal() and not is_alive(int(pid)):
        targets = " ".join(f"-{group}" for group in groups)
        return (
            f"A demo on {settings.DATA_DIR} was killed, and its programs still run. "
            f"End them with: kill -KILL -- {targets}"
        )
    return (
        f"A demo already runs on {settings.DATA_DIR}: {address}, process {pid}. Use that one, stop it with Ctrl-C "
        "in its terminal, or give this one data of its own: DATA_DIR=/tmp/another-portal make demo PORT=8001."
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
