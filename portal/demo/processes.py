"""Programs that run side by side under one that watches them: started, started anew when they die, stopped together.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches only the one that watches, and what a program
leaves behind can be found: it is in the program's process group.
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
# A program that dies at once is not started again at once, but after 1, 2, 4 ... seconds.
MAX_RESTART_DELAY_SECONDS = 30


@dataclass
class Program:
    """What is run. `stop_signal` asks its main process to stop: a qcluster hangs when its whole group gets SIGTERM."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    stop_signal: signal.Signals = signal.SIGTERM
    # Kept open in the program, so that a lock is held as long as any of it lives.
    inherits: tuple[int, ...] = ()
    process: subprocess.Popen | None = field(default=None, init=False)
    started_at: float = field(default=0.0, init=False)
    start_again_at: float = field(default=0.0, init=False)
    pause: float = field(default=1.0, init=False)

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self.inherits,
        )

    def look_after(self, say: Callable[[str], None]) -> None:
        """Notices that it died, and starts it again when its pause is over."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_again_at:
                self.start()
        elif (code := self.process.poll()) is not None:
            lived = now - self.started_at
            self.pause = 1.0 if lived > MAX_RESTART_DELAY_SECONDS else min(self.pause * 2, MAX_RESTART_DELAY_SECONDS)
            self.start_again_at = now + self.pause
            # What it left behind would go on working beside its successor.
            self.end()
            say(
                f"The {self.name} ended by itself ({_describe_exit(code)}). "
                f"It starts again in {self.pause:.0f} seconds."
            )

    def ask_to_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self) -> None:
        """Kills whatever is left of its group."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class ShutdownRequest:
    """Whether somebody asked to stop: by Ctrl-C, SIGTERM, or by closing the terminal. `asked_twice`: at once."""

    def __init__(self) -> None:
        self.asked = Event()
        self.asked_twice = Event()

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._hear)

    def _hear(self, *_: object) -> None:
        (self.asked_twice if self.asked.is_set() else self.asked).set()


def run_until_stopped(
    programs: Sequence[Program],
    *,
    stopping: ShutdownRequest,
    patience: float,
    say: Callable[[str], None],
    when_started: Callable[[], None] = lambda: None,
) -> None:
    """Runs the programs until `stopping` is asked for, then stops them all and leaves nothing of them behind.

    What has not ended `patience` seconds after it was asked to is killed, and so is all when asked to stop twice.
    """
    try:
        for program in programs:
            program.start()
        when_started()
        while not stopping.asked.wait(POLL_SECONDS):
            for program in programs:
                program.look_after(say)
        say("Stopping. Press Ctrl-C once more to stop at once.")
        for program in programs:
            program.ask_to_stop()
        until = time.monotonic() + patience
        while any(program.is_running() for program in programs) and time.monotonic() < until:
            if stopping.asked_twice.wait(POLL_SECONDS):
                break
    finally:
        for program in programs:
            if program.is_running():
                say(f"The {program.name} did not end in time and is killed; what it was doing is done again.")
            program.end()


def _describe_exit(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
