"""`make demo`: the whole portal in one terminal, on data of its own."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.demo.data import DemoData
from portal.demo.processes import Program, ShutdownRequest, run_until_stopped
from portal.environment import BASE_DIR
from portal.models import Lease

HOST = "127.0.0.1"
# Longer than a sweep needs to notice; what is cut off is done again, since tasks are safe to run twice.
GRACE_SECONDS = 30
START_TIMEOUT_SECONDS = 60


class Command(BaseCommand):
    help = "Prepares a portal with demo data, and runs it with its workers until Ctrl-C. Only with DEMO=1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where the portal is served (8000)")
        parser.add_argument("--reset", action="store_true", help="throw the demo's data away and start afresh")
        parser.add_argument("--reload", action="store_true", help="Django's own server, which reloads changed files")

    def handle(self, *, port: int, reset: bool, reload: bool, **options: object) -> None:
        if not settings.DEMO:
            raise CommandError("This needs DEMO=1: it makes accounts whose passwords everybody can read.")
        address = f"http://{HOST}:{port}"
        try:
            with lock_data_directory(address) as lock:
                check_port_is_free(port)
                self.say("Preparing the database and the pages...")
                if reset:
                    delete_demo_data()
                demonstration = prepare(serves_static_files=not reload)
                self.run(address, port=port, reload=reload, lock=lock, demonstration=demonstration)
        except KeyboardInterrupt:
            self.say("Stopped before it was ready. Run it again to go on.")
            sys.exit(130)

    def run(self, address: str, *, port: int, reload: bool, lock: TextIO, demonstration: DemoData) -> None:
        stopping = ShutdownRequest()
        stopping.listen()
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        environment.setdefault("PUBLIC_URL", address)
        kept = (lock.fileno(),)
        web = Program("web server", get_web_command(port, reload=reload), environment, inherits=kept)
        # Only its main process is told, and by SIGINT: SIGTERM to the group lets django-q's sentinel hang.
        tasks = Program("worker", get_manage_command("qcluster"), environment, stop_signal=signal.SIGINT, inherits=kept)

        def when_started() -> None:
            groups = " ".join(str(program.process.pid) for program in (web, tasks) if program.process)
            write_lock_file(lock, f"{os.getpid()} {address} {groups}")
            if wait_for_web_server(port, stopping=stopping, web=web):
                self.introduce(address, demonstration)

        run_until_stopped(
            [web, tasks], stopping=stopping, patience=GRACE_SECONDS, say=self.say, when_started=when_started
        )
        self.say("Stopped. Your data is kept; `make demo RESET=1` starts afresh.")

    def introduce(self, address: str, demonstration: DemoData) -> None:
        sign_ins = demonstration.sign_ins
        width = max((len(sign_in.email) for sign_in in sign_ins), default=0)
        password = max((len(sign_in.password) for sign_in in sign_ins), default=0)
        lines = [
            f"  {sign_in.email:{width}}  {sign_in.password:{password}}  {sign_in.who}"
            + (f" ({address}{sign_in.path})" if sign_in.path else "")
            for sign_in in sign_ins
        ]
        day = settings.SERVICE_DAY.total_seconds()
        self.say(
            f"\nThe portal is at {address}/\n\nSign in with\n"
            + "\n".join(lines)
            + f"\n\nAPI key, {demonstration.api_key_is_for}\n  {demonstration.api_key}"
            f"\n\nA day of the service lasts {day:g} seconds here. Mails are printed below. Ctrl-C stops it.\n"
        )

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


@contextmanager
def lock_data_directory(address: str) -> Iterator[TextIO]:
    """Holds the lock of the data directory, or says who does. The programs started here inherit it, so that it is
    held as long as one of them lives, even when this process was killed."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(settings.DATA_DIR / "demo.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(describe_lock_holder(lock.read().split())) from None
        write_lock_file(lock, f"{os.getpid()} {address}")
        yield lock


def write_lock_file(lock: TextIO, line: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(line)
    lock.flush()


def describe_lock_holder(written: list[str]) -> str:
    """What the lock file says, in words: the process, its address, and the process groups it started."""
    process, address, *groups = written or ["?", "another address"]
    if process.isdecimal() and not is_alive(int(process)):
        stop = " ".join(f"-{group}" for group in groups)
        return (
            f"A demo on {settings.DATA_DIR} was killed, and its programs still run. End them with: kill -KILL -- {stop}"
        )
    return (
        f"A demo already runs on {settings.DATA_DIR}: {address}, process {process}. Use that one, stop it with Ctrl-C "
        "in its terminal, or give this one data of its own: DATA_DIR=/tmp/another-portal make demo PORT=8001."
    )


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_port_is_free(port: int) -> None:
    """Asked before anything is prepared, so that nothing has happened when the answer is no."""
    with socket.socket() as attempt:
        # As servers do: a port whose last connections are still closing is free.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except (OSError, OverflowError) as error:
            in_use = getattr(error, "errno", None) == errno.EADDRINUSE
            why = "is in use by another program" if in_use else f"cannot be used ({error})"
            other = port + 1 if in_use else 8000
            raise CommandError(
                f"Port {port} {why}. Nothing was started. Choose another one: make demo PORT={other}"
            ) from None


def delete_demo_data() -> None:
    """Removes what a demo makes, by name, and nothing else that may lie in the directory."""
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        raise CommandError(
            "--reset throws away the demo's SQLite file only. Your DATABASE_URL names another database: empty it there."
        )
    file = Path(database["NAME"])
    ours = (settings.MEDIA_ROOT, settings.DATA_DIR / "demo-api-key", *settings.DATA_DIR.glob("simulated*"))
    for path in (*file.parent.glob(f"{file.name}*"), *ours):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.rmtree(settings.CACHES["qstat"]["LOCATION"], ignore_errors=True)


def prepare(*, serves_static_files: bool) -> DemoData:
    """Everything that must be there before the programs start, once and by one process: several at a time would
    stand in each other's way (migrations; SQLite's switch to WAL, made by the first connection)."""
    # What the demo's past was like is on its pages; the terminal begins with now.
    logging.disable(logging.INFO)
    call_command("migrate", interactive=False, verbosity=0)
    # Nobody else works on this data, so whatever is still held was held by somebody who was killed.
    Lease.objects.all().delete()
    if serves_static_files:
        call_command("collectstatic", interactive=False, verbosity=0)
    demonstration = import_string(settings.DEMO_DATA_LOADER)(now=timezone.now())
    connections.close_all()
    logging.disable(logging.NOTSET)
    return demonstration


def get_manage_command(*arguments: str) -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]


def get_web_command(port: int, *, reload: bool) -> list[str]:
    if reload:
        return get_manage_command("runserver", f"{HOST}:{port}")
    gunicorn = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--chdir", str(BASE_DIR), "--bind", f"{HOST}:{port}"]
    quietly = ["--log-level", "warning", "--no-control-socket", "--graceful-timeout", "5"]
    return [*gunicorn, "--worker-class", "gthread", "--threads", "8", *quietly]


def wait_for_web_server(port: int, *, stopping: ShutdownRequest, web: Program) -> bool:
    """Waits until the web server takes connections. False when it does not, or when asked to stop meanwhile."""
    until = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < until and web.is_running():
        with socket.socket() as attempt:
            if attempt.connect_ex((HOST, port)) == 0:
                return True
        if stopping.asked.wait(0.1):
            return False
    return False
