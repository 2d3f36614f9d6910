"""A limit for the time of a provider's call.

Time-outs of HTTP clients are for each read: a vendor that sends a byte now and then keeps a call going for hours, and
with it a worker.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after so many seconds.

    Tasks run in the main thread, where signals arrive. In another thread there is no limit. A timer that was set
    before, such as that of django-q2 for the whole task, goes on afterwards, and has precedence if it ends first.
    """
    left = signal.getitimer(signal.ITIMER_REAL)[0]
    if threading.current_thread() is not threading.main_thread() or 0 < left <= seconds:
        yield
        return

    def expire(*_: object) -> None:
        raise TimeoutError(f"no end after {seconds:g} seconds")

    began = time.monotonic()
    former = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001))
