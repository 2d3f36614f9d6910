"""The outage that this process is in: the database or the disk cannot be used. It is logged once, and its end too."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)

# An outage is over when nothing failed for so long: small writes may succeed on a full disk.
QUIET_SECONDS = 30
# Since when, and when something failed last, by the monotonic clock. None: there is no outage.
_since: float | None = None
_last = 0.0


def report(error: BaseException) -> None:
    """Log the outage if it has just begun."""
    global _since, _last
    _last = time.monotonic()
    if _since is None:
        _since = time.monotonic()
        logger.error("The database or the disk cannot be used. All work waits, and nothing is lost. %s", error)


def end() -> None:
    """Something worked."""
    global _since
    if _since is not None and time.monotonic() - _last > QUIET_SECONDS:
        logger.warning("The database and the disk can be used again, after %.0f seconds", time.monotonic() - _since)
        _since = None
