"""Write what requests counted in a thread of its own, so that no request waits for the database's locks.

SQLite has one write lock. A process that holds it may itself wait for a processor: a request that wrote a count waited
for seconds. Counts are kept in memory instead, and one thread of each process writes all of them. A process that is
killed loses what it counted since the last time.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, connections

logger = logging.getLogger(__name__)


@dataclass
class _Write:
    write: Callable[[], None]
    seconds: float
    due_at: float = 0.0
    has_failed: bool = False


class BackgroundWriter:
    """Calls functions every so many seconds, and when the process ends. One that fails is called again next time."""

    def __init__(self) -> None:
        self._writes: list[_Write] = []
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        # The process may end while the thread writes.
        self._write_lock = threading.Lock()
        os.register_at_fork(after_in_child=self._reset_after_fork)

    def add(self, write: Callable[[], None], *, seconds: float) -> None:
        """Call `write` every `seconds` once the thread runs. It keeps what it cannot write, and raises the error."""
        self._writes.append(_Write(write, seconds))

    def start(self) -> None:
        """Start the thread, unless this process has it. Not at import, because a web server forks after that."""
        if self._thread is None:
            self._start_thread()

    def write_all(self) -> None:
        """Call all functions now."""
        self._write(self._writes)

    def _start_thread(self) -> None:
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="background-writer", daemon=True)
                self._thread.start()
                atexit.register(self._write_at_exit)

    def _run(self) -> None:
        for one in self._writes:
            one.due_at = time.monotonic() + one.seconds
        while True:
            time.sleep(max(0.0, min(one.due_at for one in self._writes) - time.monotonic()))
            now = time.monotonic()
            self._write([one for one in self._writes if one.due_at <= now])

    def _write(self, writes: list[_Write]) -> None:
        with self._write_lock:
            for one in writes:
                one.due_at = time.monotonic() + one.seconds
                try:
                    one.write()
                    one.has_failed = False
                except Exception:
                    if not one.has_failed:  # once, not every second, while the database cannot be used
                        logger.exception("What requests counted could not be written, and is kept")
                    one.has_failed = True
                    connection.close()  # the next time opens a new one

    def _write_at_exit(self) -> None:
        if self._thread is not None:
            self.write_all()
            connections.close_all()

    def _reset_after_fork(self) -> None:
        """A forked process has no thread. Another thread of its parent may have held the locks."""
        self._thread = None
        self._start_lock, self._write_lock = threading.Lock(), threading.Lock()


writer = BackgroundWriter()
