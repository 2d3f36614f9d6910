"""A cluster as a process group of its own: start it, read what it reports, stop it, kill all of it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

from portal.environment import BASE_DIR
from portal.jobs import reports
from portal.jobs.canary import CLUSTER_VARIABLE
from portal.jobs.supervisor.activity import Activity
from portal.jobs.supervisor.child import SUPERVISOR_VARIABLE

_READ_BYTES: Final = 65536
# How long the processes of a killed group may take to go.
_KILL_SECONDS: Final = 5


class ClusterProcess:
    """A running cluster. To be created in the main thread: the cluster ends with the thread that started it."""

    def __init__(self, name: str) -> None:
        self.activity = Activity(started_at=time.monotonic())
        self._unread = b""
        self._pipe, writing_end = os.pipe()
        for end in (self._pipe, writing_end):
            os.set_blocking(end, False)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "portal.jobs.supervisor.child"],
            cwd=BASE_DIR,
            env=os.environ
            | {CLUSTER_VARIABLE: name, reports.PIPE_VARIABLE: str(writing_end), SUPERVISOR_VARIABLE: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(writing_end,),
        )
        os.close(writing_end)

    @property
    def pid(self) -> int:
        """The id of the main process, and of its process group."""
        return self._process.pid

    def get_end(self) -> str:
        """How the main process ended. "" if it runs."""
        code = self._process.poll()
        if code is None:
            return ""
        return f"main was killed by {signal.Signals(-code).name}" if code < 0 else f"main ended with exit code {code}"

    def read_reports(self, wait_seconds: float) -> None:
        """Note what the processes reported. If they reported nothing, wait so long for it."""
        readable, _, _ = select.select([self._pipe], [], [], wait_seconds)
        if not readable:
            return
        read = os.read(self._pipe, _READ_BYTES)
        if not read:  # all processes ended, and the supervisor is about to notice
            time.sleep(wait_seconds)
        *lines, self._unread = (self._unread + read).split(b"\n")
        now = time.monotonic()
        for line in lines:
            self.activity.note(reports.parse(line), now)

    def request_stop(self) -> None:
        """Ask the main process, and no other, to end: a cluster whose children get SIGTERM hangs."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill every process of the cluster, and return when none is left."""
        self._kill_group()
        self._process.wait()
        deadline = time.monotonic() + _KILL_SECONDS
        while self._kill_group() and time.monotonic() < deadline:
            # Orphans become children of this process (adopt_orphans).
            with suppress(ChildProcessError):
                os.waitpid(-self.pid, os.WNOHANG)
            time.sleep(0.01)
        os.close(self._pipe)

    def _kill_group(self) -> bool:
        """Return whether there was a process in the group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # PermissionError on macOS for zombies
            return False
        return True
