"""`make test-postgres`: run the tests on a temporary PostgreSQL and Redis.

Tests that start a portal of their own are left out, because that portal has its own SQLite database. So are slow tests
that use no database.

Both are programs installed on this machine. They run in temporary folders, on free ports, by a user other than root.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

# The data is temporary, so writes need not reach the disk.
POSTGRESQL_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
}
UNPRIVILEGED_USERS = ("postgres", "nobody")


class ProgramMissing(Exception):
    """A program is not installed. The message says how to install it."""


@contextmanager
def temporary_postgresql(superuser: str = "portal", options: Mapping[str, str] = POSTGRESQL_OPTIONS) -> Iterator[str]:
    """Yield the DATABASE_URL of an empty database, named portal, on a server with these settings. Nobody needs a
    password."""
    folder, port = _make_server_dir("postgresql"), free_port()
    data = folder / "data"
    _run(find_program("initdb"), "-D", data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = {**options, "port": str(port), "unix_socket_directories": str(folder)}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # On SIGINT, PostgreSQL closes all connections and ends.
    with _run_server(find_program("postgres"), "-D", data, *arguments, stop=signal.SIGINT, folder=folder):
        wait_for_port(port, "PostgreSQL")
        _run(find_program("createdb"), "-h", "127.0.0.1", "-p", port, "-U", superuser, "portal")
        yield f"postgres://{superuser}@127.0.0.1:{port}/portal"


@contextmanager
def temporary_redis() -> Iterator[str]:
    """Yield the Q_BROKER_URL of an empty Redis."""
    folder, port = _make_server_dir("redis"), free_port()
    with _run_server(find_program("redis-server"), "--port", port, "--save", "", "--dir", folder, folder=folder):
        wait_for_port(port, "Redis")
        yield f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_program(name: str) -> str:
    """Return the path of a program. Debian keeps PostgreSQL's programs off the PATH. Raises ProgramMissing."""
    found = shutil.which(name)
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not found and not beside:
        package = "redis-server" if name == "redis-server" else "postgresql"
        raise ProgramMissing(f"{name} is not on this machine. On Debian and Ubuntu: sudo apt-get install {package}")
    return found or str(beside[-1])


def _make_server_dir(name: str) -> Path:
    folder = Path(mkdtemp(prefix=f"portal-{name}-"))
    if user := _unprivileged_user():
        shutil.chown(folder, user)
    return folder


def _unprivileged_user() -> str:
    """Return the user that runs the servers if this process is root, as which PostgreSQL refuses to run."""
    if os.geteuid():
        return ""
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED_USERS if name in known)


def _drop_privileges(command: tuple[object, ...]) -> list[str]:
    user = _unprivileged_user()
    return [
        *(("setpriv", "--reuid", user, "--regid", str(_primary_group_id(user)), "--clear-groups") if user else ())
    ] + [str(part) for part in command]


def _primary_group_id(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _run(*command: object) -> None:
    done = subprocess.run(_drop_privileges(command), capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def _run_server(*command: object, folder: Path, stop: signal.Signals = signal.SIGTERM) -> Iterator[subprocess.Popen]:
    """Run the program until the block ends, in its own process group, so that Ctrl-C ends the tests first."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _drop_privileges(command), cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_port(port: int, what: str, process: subprocess.Popen | None = None) -> None:
    """Raises SystemExit if the process ended, or nothing listens after two minutes."""
    until = time.monotonic() + 120
    while time.monotonic() < until and not (process and process.poll()):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"{what} does not answer on port {port}.")


def main() -> int:
    """Run pytest with the arguments of the command line."""
    with ExitStack() as stack:
        try:
            # Autovacuum would count rows between two tests, and PostgreSQL plan the next one for empty tables.
            options = POSTGRESQL_OPTIONS | {"autovacuum": "off"}
            address = stack.enter_context(temporary_postgresql(options=options))
            broker = stack.enter_context(temporary_redis())
        except ProgramMissing as missing:
            sys.stderr.write(f"{missing}\n")
            return 1
        environment = os.environ | {"DATABASE_URL": address, "TEST_REDIS_URL": broker}
        tests = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-m", "not own_portal and not no_database", *sys.argv[1:]], env=environment
        )
        try:
            return tests.wait()
        except KeyboardInterrupt:
            return tests.wait()


if __name__ == "__main__":
    sys.exit(main())
