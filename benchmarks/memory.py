"""How much memory other processes have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def get_largest_mb(pids: Sequence[int]) -> float:
    """Of these processes, in MB; 0 if there are none any more. Without what they see of files, which is the system's to
    take back."""
    statuses = [text for pid in pids if (text := _read_status(pid))]
    found = [line for status in statuses for line in status.splitlines() if line.startswith("RssAnon")]
    return max((int(line.split()[1]) / 1024 for line in found), default=0.0)


def _read_status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
