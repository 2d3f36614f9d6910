"""A PostgreSQL of its own that a test stops and starts again."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import servers
from tests.support.waiting import wait_until
from tests.support.workers import is_alive, list_children

# What was committed must be there after a crash, as with the settings PostgreSQL comes with.
OPTIONS = servers.POSTGRESQL_OPTIONS | {"synchronous_commit": "on"}


class StoppedPostgresql:
    """It has one empty database, `url`. `start` waits until it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, servers.free_port()
        self.url = f"postgres://portal@127.0.0.1:{self.port}/portal"
        self.process: subprocess.Popen | None = None
        servers._run(
            servers.find_program("initdb"),
            "-D",
            folder / "data",
            "-U",
            "portal",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        )

    def start(self) -> None:
        options = OPTIONS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = (servers.find_program("postgres"), "-D", self.folder / "data", *arguments)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                servers._drop_privileges(command), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        servers.wait_for_port(self.port, "PostgreSQL")

    def create_database(self) -> None:
        servers._run(servers.find_program("createdb"), "-h", "127.0.0.1", "-p", self.port, "-U", "portal", "portal")

    def stop(self, number: signal.Signals) -> None:
        """SIGINT ends it in order, SIGQUIT immediately. SIGKILL leaves its processes to notice that it is gone."""
        assert self.process
        children = list_children(self.process.pid)
        self.process.send_signal(number)
        self.process.wait(60)
        # Those of a killed server end a moment later, and it cannot start before.
        wait_until(lambda: not any(map(is_alive, children)))


@contextmanager
def stopped_postgresql() -> Iterator[StoppedPostgresql]:
    """A server that runs, and is deleted when the block ends."""
    folder = servers._make_server_dir("postgresql")
    server = StoppedPostgresql(folder)
    server.start()
    try:
        server.create_database()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGINT)
        shutil.rmtree(folder, ignore_errors=True)
