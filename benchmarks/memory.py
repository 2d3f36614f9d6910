"""The memory of other processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def get_largest_mb(pids: Sequence[int]) -> float:
    """The anonymous memory of the largest of these processes, in MB; 0 if all have ended. Mapped files do not count:
    the system can reclaim them."""
    statuses = [text for pid in pids if (text := _read_status(pid))]
    found = [line for status in statuses for line in status.splitlines() if line.startswith("RssAnon")]
    return max((int(line.split()[1]) / 1024 for line in found), default=0.0)


def _read_status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
