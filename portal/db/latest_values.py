"""Times and the like that are noted in memory until they are written, so that noting them takes no query."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value", bound=Any)


class LatestValues(Generic[Key, Value]):
    """The greatest value of each key that is not written yet. Threads share it.

    A forked process begins without values, which its parent writes, and with a free lock.
    """

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._reset_after_fork)

    def note(self, key: Key, value: Value) -> None:
        with self._lock:
            self._values[key] = max(value, self._values.get(key, value))

    def write(self, write: Callable[[dict[Key, Value]], object]) -> None:
        """Call `write` with all values, unless there are none, and forget them. Keeps them if it raises an error."""
        with self._lock:
            values = dict(self._values)
        if not values:
            return
        write(values)
        with self._lock:
            for key, value in values.items():
                if self._values.get(key) == value:
                    del self._values[key]

    def clear(self) -> None:
        with self._lock:
            self._values.clear()

    def _reset_after_fork(self) -> None:
        self._values, self._lock = {}, threading.Lock()
