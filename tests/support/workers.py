"""`manage.py run_workers` as a process, and the processes of its cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.models import Canary
from tests.support.processes import start_python
from tests.support.waiting import wait_until

SCRIPT = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'run_workers'])"
# Recovery must take less, on any machine.
RECOVERY_SECONDS = 90
STOP_SECONDS = 20
ROLES = ("main", "sentinel", "worker", "monitor", "pusher")


class Workers:
    """A supervisor with its cluster."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    @property
    def row(self) -> Canary:
        return Canary.objects.get(name__contains=f":{self.process.pid}:")

    def get_processes(self, *roles: str) -> list[int]:
        """The processes of the cluster with these roles, or all, in the order of their ids."""
        names = {f"tasks: {role}" for role in roles or ROLES}
        return [pid for pid, name in _list_group(self.get_group()) if name in names]

    def get_group(self) -> int:
        """The process group of the cluster, whose id is that of its main process. 0 if there is none."""
        return next((pid for pid in _list_pids() if _read_stat(pid)[1:2] == [str(self.process.pid)]), 0)

    def wait_for_canary(self, *, seconds: float = RECOVERY_SECONDS) -> None:
        """Wait until a canary that is sent from now on has run. Its predecessor may be on its way."""
        number = self.get_last_number() + 2
        wait_until(lambda: self.get_last_number() >= number, seconds=seconds)

    def get_last_number(self) -> int:
        row = Canary.objects.filter(name__contains=f":{self.process.pid}:").first()
        return row.last_number if row else 0

    def wait_for_new_cluster(self, former: list[int], *, seconds: float = RECOVERY_SECONDS) -> None:
        """Wait until no process of the former cluster is left, and the next one lets canaries through."""
        wait_until(lambda: not any(map(is_alive, former)) and self.get_group(), seconds=seconds)
        self.wait_for_canary(seconds=seconds)

    def stop(self) -> int:
        """Stop as systemd does, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def run_workers(folder: Path, *, script: str = SCRIPT, workers: int = 2, **environment: str) -> Iterator[Workers]:
    """Run the workers on the test database until the block ends. They have let a canary through when it begins.

    pytest shows what they wrote if the test fails.
    """
    environment = {"DATA_DIR": str(folder), "TMPDIR": str(folder), "WORKERS": str(workers), **environment}
    folder.mkdir(exist_ok=True)
    path = folder / "workers.log"
    with path.open("ab") as log:
        running = Workers(start_python(script, log=log, **environment))
    try:
        wait_until(running.get_last_number, seconds=RECOVERY_SECONDS)
        yield running
    except BaseException:
        sys.stderr.write(path.read_text(errors="replace"))
        raise
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    return _read_stat(pid)[:1] not in ([], ["Z"])


def list_children(pid: int) -> list[int]:
    return [child for child in _list_pids() if _read_stat(child)[1:2] == [str(pid)]]


def _list_pids() -> list[int]:
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _list_group(group: int) -> list[tuple[int, str]]:
    """The id and the name of each process in the group."""
    return [(pid, _read_name(pid)) for pid in _list_pids() if _read_stat(pid)[2:3] == [str(group)]]


def _read_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _read_stat(pid: int) -> list[str]:
    """State, parent, process group, and so on. Empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        os.kill(pid, number)
