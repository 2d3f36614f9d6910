"""`manage.py demo` as a process, on a free port and with its own data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[2]
# Only to end a test of a demo that hangs: on a busy machine, migrations and demo data take a minute.
READY_TIMEOUT = 240
# The demo itself gives its programs 30 seconds.
STOP_TIMEOUT = 45


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class DemoProcess:
    """A demo that was started; its output goes to a file, which `output` reads."""

    process: subprocess.Popen
    data_dir: Path
    port: int
    written: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def output(self) -> str:
        return self.written.read_text(errors="replace")

    def wait_for(self, text: str, *, seconds: float = READY_TIMEOUT) -> None:
        until = time.monotonic() + seconds
        while text not in self.output:
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"The demo did not say {text!r}, but:\n{self.output}")
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop the demo, and return its exit code. Kill its processes, and raise, if it does not stop in time."""
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            for group in [str(self.process.pid), *self.groups()]:
                os.killpg(int(group), signal.SIGKILL)
            raise AssertionError(f"The demo did not stop in {STOP_TIMEOUT} seconds:\n{self.output}") from None

    def groups(self) -> list[str]:
        """The process groups of the programs it started."""
        return (self.data_dir / "demo.lock").read_text().split()[2:]


def start_demo(data_dir: Path, *arguments: str, port: int | None = None, day_seconds: float = 2) -> DemoProcess:
    port = port or free_port()
    written = data_dir.parent / f"{data_dir.name}-{port}-{time.monotonic_ns()}.log"
    environment = os.environ | {
        "DEMO": "1",
        "DATA_DIR": str(data_dir),
        "DAY_SECONDS": str(day_seconds),
        "DATABASE_URL": f"sqlite:///{data_dir / 'portal.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
    }
    with written.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(BASE_DIR / "manage.py"), "demo", "--port", str(port), *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return DemoProcess(process, data_dir, port, written)
