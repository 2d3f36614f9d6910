"""What the processes of a cluster report to their supervisor, through a pipe: a line for each report.

Lines are shorter than PIPE_BUF, so those of several processes do not mix. Nothing waits for the supervisor: a report
that finds the pipe full is lost. Without a supervisor, nothing is reported.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Final

# Set by the supervisor: the pipe's end to write to.
PIPE_VARIABLE: Final = "PORTAL_REPORTS_PIPE"

# The sentinel's loop went round, and all of the cluster's processes are there.
ALIVE: Final = "alive"
# The sentinel found a process that a signal had killed.
DIED: Final = "died"
# A worker began or ended a task. The detail is the canary's number, or 0 for other tasks.
BEGAN: Final = "began"
ENDED: Final = "ended"
# The monitor took the result of a task. The detail is as above.
SAVED: Final = "saved"


@dataclass(frozen=True)
class Report:
    kind: str
    pid: int
    detail: str

    @property
    def number(self) -> int:
        return int(self.detail)


def send(kind: str, detail: object = 0) -> None:
    """Report to the supervisor. If it was killed, end the cluster at once: a new supervisor starts its own."""
    pipe = os.environ.get(PIPE_VARIABLE)
    if not pipe:
        return
    try:
        os.write(int(pipe), f"{kind} {os.getpid()} {detail}\n".encode())
    except BrokenPipeError:
        os.killpg(0, signal.SIGKILL)
    except OSError:
        pass


def parse(line: bytes) -> Report:
    kind, pid, detail = line.decode().split(" ", 2)
    return Report(kind, int(pid), detail)
