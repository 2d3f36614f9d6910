"""Call a function that may wait for a database that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import Generic, TypeVar

from django.db import connections

Result = TypeVar("Result")


class OneAtATime(Generic[Result]):
    """Calls a function in a thread, and stops waiting for it after some seconds.

    The thread goes on until the function returns. Until then no other one begins, so threads do not pile up.
    """

    def __init__(self, function: Callable[..., Result]) -> None:
        self._function = function
        self._lock = Lock()

    def call(self, *arguments: object, seconds: float) -> Result | None:
        """The result of the function, or None if there is none in time. Raises what the function raises."""
        until = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            return None
        outcome: list[Result | Exception] = []
        thread = Thread(target=self._run, args=(arguments, outcome), daemon=True)
        thread.start()
        thread.join(max(0.0, until - time.monotonic()))
        if not outcome:
            return None
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def _run(self, arguments: tuple[object, ...], outcome: list[Result | Exception]) -> None:
        try:
            outcome.append(self._function(*arguments))
        except Exception as error:
            outcome.append(error)
        finally:
            connections.close_all()
            self._lock.release()
