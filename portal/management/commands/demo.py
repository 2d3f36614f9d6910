"""`make demo`: run the whole portal in one terminal, on data of its own."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.demo.data import DemoData
from portal.demo.lock import lock_data_directory, write_lock_file
from portal.demo.prepare import HOST, check_port_is_free, delete_demo_data, prepare
from portal.demo.processes import Program, ShutdownRequest, run_until_stopped
from portal.environment import BASE_DIR

# The supervisor of the workers needs 20 seconds at most. A task that is cut off runs again, which is safe.
GRACE_SECONDS = 30
PROBE_TIMEOUT_SECONDS = 5


class Command(BaseCommand):
    help = "Prepares a portal with demo data, and runs it with its workers until Ctrl-C. Only with DEMO=1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="port of the web server (8000)")
        parser.add_argument("--reset", action="store_true", help="delete the demo's data and start again")
        parser.add_argument(
            "--reload", action="store_true", help="use Django's own server, which reloads changed files"
        )

    def handle(self, *, port: int, reset: bool, reload: bool, **options: object) -> None:
        if not settings.DEMO:
            raise CommandError("This needs DEMO=1: it makes accounts whose passwords everybody can read.")
        # Browsers offer passkeys for a name, not for an IP address.
        address = f"http://localhost:{port}"
        try:
            with lock_data_directory(address) as lock:
                check_port_is_free(port)
                self.write_line("Preparing the database and the pages...")
                if reset:
                    delete_demo_data()
                demo_data = prepare(collect_static_files=not reload)
                self.run_programs(address, port=port, reload=reload, lock=lock, demo_data=demo_data)
        except KeyboardInterrupt:
            self.write_line("Stopped before it was ready. Run it again to go on.")
            sys.exit(130)

    def run_programs(self, address: str, *, port: int, reload: bool, lock: TextIO, demo_data: DemoData) -> None:
        shutdown = ShutdownRequest()
        shutdown.install_handlers()
        env = os.environ | {"PYTHONUNBUFFERED": "1"}
        env.setdefault("PUBLIC_URL", address)
        pass_fds = (lock.fileno(),)
        web = Program("web server", get_web_command(port, reload=reload), env, pass_fds=pass_fds)
        worker = Program("worker", get_manage_command("run_workers"), env, pass_fds=pass_fds)

        def on_started() -> None:
            groups = " ".join(str(program.process.pid) for program in (web, worker) if program.process)
            write_lock_file(lock, f"{os.getpid()} {address} {groups}")
            if wait_for_web_server(port, shutdown=shutdown, web=web):
                self.print_welcome(address, demo_data)

        run_until_stopped(
            [web, worker],
            shutdown=shutdown,
            grace_seconds=GRACE_SECONDS,
            write_line=self.write_line,
            on_started=on_started,
        )
        self.write_line("Stopped. Your data is kept; `make demo RESET=1` starts afresh.")

    def print_welcome(self, address: str, demo_data: DemoData) -> None:
        logins = demo_data.logins
        width = max((len(login.email) for login in logins), default=0)
        password = max((len(login.password) for login in logins), default=0)
        lines = [
            f"  {login.email:{width}}  {login.password:{password}}  {login.description}"
            + (f" ({address}{login.start_path})" if login.start_path else "")
            for login in logins
        ]
        day = settings.SERVICE_DAY.total_seconds()
        self.write_line(
            f"\nThe portal is at {address}/\n\nSign in with\n"
            + "\n".join(lines)
            + f"\n\nAPI key, {demo_data.api_key_purpose}\n  {demo_data.api_key}"
            f"\n\nA day of the service lasts {day:g} seconds here. Mails are printed below. Ctrl-C stops it.\n"
        )

    def write_line(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def get_manage_command(*arguments: str) -> list[str]:
    return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]


def get_web_command(port: int, *, reload: bool) -> list[str]:
    if reload:
        return get_manage_command("runserver", f"{HOST}:{port}")
    gunicorn = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--chdir", str(BASE_DIR), "--bind", f"{HOST}:{port}"]
    quiet = ["--log-level", "warning", "--no-control-socket", "--graceful-timeout", "5"]
    return [*gunicorn, "--worker-class", "portal.web_worker.BufferingWorker", "--threads", "8", *quiet]


def wait_for_web_server(port: int, *, shutdown: ShutdownRequest, web: Program) -> bool:
    """Wait until the web server answers. False if it ends, or if a shutdown is requested meanwhile.

    It accepts connections seconds before its processes have loaded the portal.
    """
    while web.is_running() and not shutdown.requested.wait(0.1):
        try:
            url = f"http://{HOST}:{port}/healthz"
            if httpx.get(url, timeout=PROBE_TIMEOUT_SECONDS, trust_env=False).is_success:  # not through a proxy
                return True
        except httpx.TransportError:
            continue
    return False
