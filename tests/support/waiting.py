"""Wait for a condition in tests with threads or processes."""

from __future__ import annotations

import time
from collections.abc import Callable

# Only a test that fails waits this long.
TIMEOUT = 60


def wait_until(condition: Callable[[], object], *, seconds: float = TIMEOUT) -> None:
    """Return once the condition is true; fail the test if it stays false."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds} seconds"
        time.sleep(0.01)
