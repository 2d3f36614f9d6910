"""Run the services of systemd units as systemd does, on a machine without it."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from runpy import run_path

from tests.deploy.machine import PATH, Machine
from tests.support.processes import ROOT

# As the first message READY=1 takes. Only a test that fails waits this long.
READY_SECONDS = 120
# ProtectSystem=strict and PrivateTmp=yes: all is read-only but what is named.
SANDBOX = """
mount --bind "$1" "$1"
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /
umask "$2"
cd "$3"
shift 3
exec "$@"
"""


def read_unit(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


@contextmanager
def run_unit(machine: Machine, name: str) -> Iterator[None]:
    """Run the service until the block ends. It must report that it is ready, and end in the time it has."""
    unit = read_unit((machine.root / "etc/systemd/system" / name).read_text())
    read_settings = run_path(str(ROOT / "deploy" / "portal_command.py"))["read_settings"]
    settings = read_settings((machine.root / unit["EnvironmentFile"].lstrip("/")).read_text())
    folder = f"/var/lib/{unit['StateDirectory']}"
    machine.run("install", "-d", "-o", unit["User"], "-m", unit.get("StateDirectoryMode", "0755"), folder)
    notify_path = f"/run/{name}.notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications, _open_log(machine, name) as log:
        notifications.bind(str(machine.root) + notify_path)
        machine.run("chmod", "777", notify_path)
        program = ["setpriv", f"--reuid={unit['User']}", f"--regid={unit['Group']}", "--init-groups"]
        program += shlex.split(unit["ExecStart"])
        arguments = [unit["ReadWritePaths"], unit.get("UMask", "0022"), unit["WorkingDirectory"], *program]
        process = subprocess.Popen(
            [*machine.enter(), "unshare", "--mount", "sh", "-ec", SANDBOX, "sh", *arguments],
            env={"PATH": PATH, "LANG": "C.UTF-8", "NOTIFY_SOCKET": notify_path} | settings,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(notifications, machine, name)
            yield
        finally:
            _stop(process, float(unit["TimeoutStopSec"]))
            machine.run("rm", notify_path)  # so that the unit can run again


def _open_log(machine: Machine, name: str):
    return (machine.root / "run" / f"{name}.log").open("w")


def _wait_until_ready(notifications: socket.socket, machine: Machine, name: str) -> None:
    notifications.settimeout(READY_SECONDS)
    try:
        while b"READY=1" not in notifications.recv(4096).split(b"\n"):
            pass
    except TimeoutError:
        log = Path(machine.root, "run", f"{name}.log").read_text()
        raise AssertionError(f"{name} is not ready:\n{log}") from None


def _stop(process: subprocess.Popen, seconds: float) -> None:
    """Send SIGTERM to the main process, a child of nsenter, and wait until it ends."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]) if children else process.pid, signal.SIGTERM)
    process.wait(seconds)
