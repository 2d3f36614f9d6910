"""The databases of the tortured portal. Each can be paused and made slow; PostgreSQL can also be stopped."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.support.processes import ROOT
from tests.support.servers import _drop_privileges, _unprivileged_user, find_program, free_port, wait_for_port
from tests.torture.disks import Disk
from tests.torture.processes import list_descendants

DISK_MB = 700
# Each statement takes this much longer on a slow PostgreSQL: half on the way there, half on the way back.
SLOW_MS = 100
# A slow SQLite is locked for four fifths of the time.
LOCKED_SECONDS, UNLOCKED_SECONDS = 0.4, 0.1


class Sqlite:
    name = "sqlite"
    can_stop = False

    def __init__(self, folder: Path) -> None:
        self.disk = Disk(folder / "database", DISK_MB)
        self.path, self.saved = self.disk.folder / "portal.sqlite3", folder / "saved.sqlite3"
        self.url = self.direct_url = f"sqlite:///{self.path}"

    def save(self) -> None:
        shutil.copy(self.path, self.saved)

    def restore(self) -> None:
        for path in self.disk.folder.glob(f"{self.path.name}*"):
            path.unlink()
        shutil.copy(self.saved, self.path)

    def start_if_ended(self) -> None:
        """It runs within the portal's processes."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Another process holds the write lock."""
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    @contextmanager
    def slowed(self) -> Iterator[None]:
        ended = threading.Event()

        def lock_often() -> None:
            while not ended.is_set():
                with self.paused():
                    time.sleep(LOCKED_SECONDS)
                time.sleep(UNLOCKED_SECONDS)

        thread = threading.Thread(target=lock_often)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def close(self) -> None:
        self.disk.unmount()


class Postgresql:
    """A server of its own, behind a proxy that delays what passes."""

    name = "postgresql"
    can_stop = True

    def __init__(self, folder: Path) -> None:
        self.disk = Disk(folder / "database", DISK_MB)
        self.data, self.log, self.delay = self.disk.folder / "data", folder / "postgresql.log", folder / "delay"
        self.delay.write_text("0")
        self.port, self.proxy_port = free_port(), free_port()
        self.url = f"postgres://portal@127.0.0.1:{self.proxy_port}/portal"
        self.direct_url = f"postgres://portal@127.0.0.1:{self.port}/portal"
        if user := _unprivileged_user():
            shutil.chown(self.disk.folder, user)
        self._run("initdb", "-D", self.data, "-U", "portal", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.process: subprocess.Popen | None = None
        self.start()
        self._manage("createdb", "portal")
        command = [sys.executable, "-m", "tests.torture.proxy", self.proxy_port, self.port, self.delay]
        self.proxy = subprocess.Popen([str(part) for part in command], cwd=ROOT)
        wait_for_port(self.proxy_port, "The proxy")

    def save(self) -> None:
        self._manage("createdb", "--template", "portal", "saved")

    def restore(self) -> None:
        self._manage("dropdb", "--force", "portal")
        self._manage("createdb", "--template", "saved", "portal")

    def _manage(self, program: str, *arguments: str) -> None:
        self._run(program, "-h", "127.0.0.1", "-p", self.port, "-U", "portal", *arguments)

    def _run(self, program: str, *arguments: object) -> None:
        command = _drop_privileges((find_program(program), *arguments))
        subprocess.run(command, check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.disk.folder,
            "max_wal_size": "128MB",
            "max_connections": 200,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                _drop_privileges((find_program("postgres"), "-D", self.data, *arguments)),
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        wait_for_port(self.port, "PostgreSQL")

    def start_if_ended(self) -> None:
        """PostgreSQL ends itself when its disk is full and it cannot write its log of transactions."""
        if self.process and self.process.poll() is not None:
            self.start()

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """All of its processes are suspended: connections stay, and nothing answers."""
        assert self.process
        pids = [self.process.pid, *list_descendants(self.process.pid)]
        self._send(signal.SIGSTOP, pids)
        try:
            yield
        finally:
            self._send(signal.SIGCONT, pids)

    @staticmethod
    def _send(number: signal.Signals, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):  # a connection was closed meanwhile
                os.kill(pid, number)

    @contextmanager
    def slowed(self) -> Iterator[None]:
        self.delay.write_text(str(SLOW_MS / 2))
        try:
            yield
        finally:
            self.delay.write_text("0")

    def close(self) -> None:
        self.proxy.kill()
        self.proxy.wait()
        self.stop()
        self.disk.unmount()


Database = Sqlite | Postgresql
DATABASES: dict[str, type[Sqlite] | type[Postgresql]] = {"sqlite": Sqlite, "postgresql": Postgresql}
