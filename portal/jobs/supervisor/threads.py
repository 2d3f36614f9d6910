"""A function that a thread calls again and again, with a connection to the database of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from django.db import connections

logger = logging.getLogger(__name__)


class PeriodicThread:
    """Calls `function` every `seconds`. What it raises is logged once, until a call succeeds again.

    The thread ends with the process, whatever it does then: it may wait for a database that does not answer.
    """

    def __init__(self, name: str, function: Callable[[], object], *, seconds: float) -> None:
        self.name = name
        self._function = function
        self._seconds = seconds
        self._stop = Event()
        self._error = ""
        # Since when the call in progress has run, and since when calls have succeeded, by time.monotonic().
        self._call_began: float | None = None
        self._succeeding_since: float | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, *, wait_seconds: float) -> None:
        """End the thread after the call in progress, for which this waits so long."""
        self._stop.set()
        self._thread.join(wait_seconds)

    def get_succeeding_since(self, now: float, *, patience: float) -> float | None:
        """Since when every call has succeeded, each within `patience` seconds. None if the last one did not."""
        call_began = self._call_began
        is_hanging = call_began is not None and now - call_began > patience
        if is_hanging:
            self._succeeding_since = None
        return None if is_hanging else self._succeeding_since

    def _run(self) -> None:
        while not self._stop.is_set():
            self._call()
            self._stop.wait(self._seconds)
        connections.close_all()

    def _call(self) -> None:
        self._call_began = time.monotonic()
        try:
            self._function()
        except Exception as error:
            self._note_failure(error)
        else:
            self._note_success()
        finally:
            self._call_began = None

    def _note_failure(self, error: Exception) -> None:
        self._succeeding_since = None
        if not self._error:
            logger.warning("%s: failed, and is tried again every %g seconds: %s", self.name, self._seconds, error)
        self._error = str(error)
        connections.close_all()

    def _note_success(self) -> None:
        self._succeeding_since = self._succeeding_since or time.monotonic()
        if self._error:
            logger.warning("%s: works again", self.name)
        self._error = ""
