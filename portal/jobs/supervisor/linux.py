"""What only Linux offers to keep processes together. Elsewhere these functions do nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1
_SET_NAME: Final = 15
_SET_CHILD_SUBREAPER: Final = 36
# None outside Linux.
_prctl = getattr(ctypes.CDLL(None), "prctl", None) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent, the process with this id, ends."""
    if _prctl:
        _prctl(_SET_PARENT_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of processes whose parent ends, so that killed ones do not stay as zombies in a container."""
    if _prctl:
        _prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0)


def set_process_name(name: str) -> None:
    """Set the name that `ps -o comm` and `top` show, up to 15 characters."""
    if _prctl:
        _prctl(_SET_NAME, name.encode(), 0, 0, 0)


def is_halted(pid: int) -> bool:
    """Whether this process has ended and its parent has not asked how, or a signal or a debugger has suspended it."""
    return _read_state(pid) in ("Z", "T", "t")


def has_dead_child(pid: int) -> bool:
    """Whether a child of this process has ended, and the process has not asked how."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return False
    return any(_read_state(int(child)) == "Z" for child in children)


def _read_state(pid: int) -> str:
    """The state of a process as a letter, described in proc_pid_stat(5). Empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
