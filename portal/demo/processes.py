"""Run programs side by side: start them, restart those that die, and stop them together.

Each program runs in a session of its own, so Ctrl-C in the terminal reaches only the supervisor, and all that a program
leaves behind is in its process group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

POLL_SECONDS = 0.2
# The delay before a restart doubles with each exit, from 2 seconds up to this.
MAX_RESTART_DELAY_SECONDS = 30


@dataclass
class Program:
    """A program and its process. It stops its own processes when its main process gets SIGTERM. `pass_fds` stay open in
    the program, so that it holds a lock as long as its main process lives."""

    name: str
    command: Sequence[str]
    env: dict[str, str]
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    restart_at: float = field(default=0.0, init=False)
    restart_delay: float = field(default=1.0, init=False)

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self.pass_fds,
        )

    def restart_if_exited(self, write_line: Callable[[str], None]) -> None:
        """Notice that the program exited, and start it again when its delay is over."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.restart_at:
                self.start()
        elif (code := self.process.poll()) is not None:
            was_stable = now - self.started_at > MAX_RESTART_DELAY_SECONDS
            self.restart_delay = 1.0 if was_stable else min(self.restart_delay * 2, MAX_RESTART_DELAY_SECONDS)
            self.restart_at = now + self.restart_delay
            # Processes that it left behind would work beside the new ones.
            self.kill_group()
            write_line(
                f"The {self.name} ended unexpectedly ({_describe_exit(code)}). "
                f"It starts again in {self.restart_delay:.0f} seconds."
            )

    def request_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill_group(self) -> None:
        """Kill every process left in the program's group."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class ShutdownRequest:
    """Set by Ctrl-C, SIGTERM or a closed terminal. A second signal sets `forced`: stop at once."""

    def __init__(self) -> None:
        self.requested = Event()
        self.forced = Event()

    def install_handlers(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle_signal)

    def _handle_signal(self, *_: object) -> None:
        (self.forced if self.requested.is_set() else self.requested).set()


def run_until_stopped(
    programs: Sequence[Program],
    *,
    shutdown: ShutdownRequest,
    grace_seconds: float,
    write_line: Callable[[str], None],
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Run the programs until a shutdown is requested, then stop all of them.

    A program that has not ended `grace_seconds` after the request is killed. A forced shutdown kills all at once.
    """
    try:
        for program in programs:
            program.start()
        on_started()
        while not shutdown.requested.wait(POLL_SECONDS):
            for program in programs:
                program.restart_if_exited(write_line)
        write_line("Stopping. Press Ctrl-C once more to stop at once.")
        _stop_all(programs, shutdown, grace_seconds)
    finally:
        for program in programs:
            if program.is_running():
                write_line(f"The {program.name} did not end in time and is killed; what it was doing is done again.")
            program.kill_group()


def _stop_all(programs: Sequence[Program], shutdown: ShutdownRequest, grace_seconds: float) -> None:
    for program in programs:
        program.request_stop()
    deadline = time.monotonic() + grace_seconds
    while any(program.is_running() for program in programs) and time.monotonic() < deadline:
        if shutdown.forced.wait(POLL_SECONDS):
            break


def _describe_exit(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
