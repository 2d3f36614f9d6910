"""The handler of all log lines: writes to the standard output or error stream."""

from __future__ import annotations

import logging
import os
from typing import IO, Any, Final

# The priorities of syslog, which journald reads at the beginning of each line: error, warning, notice, info, debug.
_PRIORITIES: Final = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
_DEBUG_PRIORITY: Final = 7


class ConsoleHandler(logging.StreamHandler):
    """Begins each line with its priority, such as <3>, if the stream is systemd's journal or `is_journal` says so.

    Without it, journald gives all lines the priority 6.
    """

    def __init__(self, stream: IO[str] | None = None, *, is_journal: bool = False) -> None:
        super().__init__(stream)
        self._is_journal = is_journal or leads_to_journal(self.stream)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not self._is_journal:
            return text
        prefix = f"<{get_priority(record.levelno)}>"
        return "\n".join(f"{prefix}{line}" for line in text.split("\n"))


def get_priority(level: int) -> int:
    """The priority of syslog for a level of logging: 2 (critical) to 7 (debug)."""
    return next((priority for least, priority in _PRIORITIES if level >= least), _DEBUG_PRIORITY)


def leads_to_journal(stream: Any) -> bool:
    """Whether systemd connected this stream to its journal: JOURNAL_STREAM names the stream's device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"
