"""A portal in a folder of its own, as on a server, whose files an upgrade replaces while its processes run."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx

from tests.support.processes import run_python
from tests.support.servers import free_port, wait_for_port
from tests.support.waiting import wait_until

# Only a test that fails waits this long.
SECONDS = 240
WEB = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "portal.wsgi")
DIALER = ("-m", "gunicorn", "--config", "deploy/gunicorn-dialer.conf.py", "portal.wsgi")
WORKERS = ("manage.py", "run_workers")


class Site:
    """`code` holds the files of the running version. Pages and the API answer at `url`, dialers are at `dialer_url`."""

    def __init__(self, folder: Path, code: Path, address: str) -> None:
        self.folder, self.code = folder, code
        self.port, self.dialer_port = free_port(), free_port()
        self.processes: dict[str, subprocess.Popen] = {}
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": address,
            "DATA_DIR": str(folder),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "127.0.0.1",
            "PUBLIC_URL": self.url,
            "ALLOW_PLAIN_HTTP": "1",
            "EMAIL_URL": "dummymail://",
            "DEFAULT_FROM_EMAIL": "Number Reputation <portal@portal.example>",
            "FTC_FETCH": "0",
            "FCC_FETCH": "0",
            "API_RATE_LIMIT": "0",
            "API_MATCH_RATE_LIMIT": "0",
            "BIND": f"127.0.0.1:{self.port}",
            "DIALER_BIND": f"127.0.0.1:{self.dialer_port}",
            "WEB_CONCURRENCY": "2",
            "WORKERS": "2",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dialer_url(self) -> str:
        """That of the pages, as long as the running version has no processes for dialers."""
        return f"http://127.0.0.1:{self.dialer_port}" if "dialer" in self.processes else self.url

    def run(self, *arguments: object) -> str:
        """Run Python in the folder of the code, and return what it writes."""
        return run_python(*arguments, environment=self.environment, folder=self.code, seconds=SECONDS)

    def migrate(self) -> None:
        self.run("manage.py", "migrate", "-v", "0")
        self.run("manage.py", "collectstatic", "--noinput", "-v", "0")

    def start_web(self) -> None:
        self._start("web", WEB)
        wait_for_port(self.port, "The portal")
        self._start_dialer()

    def _start_dialer(self) -> None:
        if (self.code / DIALER[-2]).exists():
            self._start("dialer", DIALER)
            wait_for_port(self.dialer_port, "The processes for dialers")

    def start_workers(self) -> None:
        """Return once they have done a task, as systemd does."""
        name = f"portal-{secrets.token_hex(8)}"  # in Linux's abstract namespace
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
            notifications.bind(f"\0{name}")
            notifications.settimeout(SECONDS)
            self._start("workers", WORKERS, NOTIFY_SOCKET=f"@{name}")
            while b"READY=1" not in notifications.recv(4096).split(b"\n"):
                pass

    def read_page(self, path: str) -> str:
        return httpx.get(f"{self.url}{path}", timeout=SECONDS).text

    def replace_files(self, version: Path) -> None:
        """As `git pull` does: each changed file is replaced, and what the version does not have is deleted."""
        wanted = {path.relative_to(version) for path in version.rglob("*") if path.is_file()}
        for path in [path for path in self.code.rglob("*") if path.is_file() and "__pycache__" not in path.parts]:
            if path.relative_to(self.code) not in wanted:
                path.unlink()
        for name in wanted:
            old, new = self.code / name, version / name
            if not old.exists() or old.read_bytes() != new.read_bytes():
                old.parent.mkdir(parents=True, exist_ok=True)
                old.unlink(missing_ok=True)
                shutil.copyfile(new, old)

    def reload_web(self, sign: str) -> None:
        """As `systemctl reload` does. Return once no process of the former version answers.

        Processes for dialers are started if the former version had none.
        """
        for name in ("web", "dialer"):
            if name not in self.processes:
                self._start_dialer()
                continue
            master = self.processes[name].pid
            former = list_children(master)
            os.kill(master, signal.SIGHUP)
            wait_until(lambda master=master, former=former: not former & list_children(master), seconds=SECONDS)
        assert sign in self.read_page("/sign-in/")
        assert sign in httpx.get(f"{self.dialer_url}/sign-in/", timeout=SECONDS).text

    def loads_code_at_start(self) -> bool:
        """Whether the version in the folder does, so that its workers may run while the files change."""
        return "def load_code()" in (self.code / "portal" / "preloading.py").read_text()

    def stop_workers(self) -> None:
        self._stop("workers")

    def restart_workers(self) -> None:
        if "workers" in self.processes:
            self.stop_workers()
        self.start_workers()

    def stop(self) -> None:
        for name in list(self.processes):
            self._stop(name)

    def read_logs(self) -> str:
        return "\n".join(path.read_text()[-5000:] for path in self.folder.glob("*.log"))

    def _start(self, name: str, command: tuple[str, ...], **environment: str) -> None:
        with (self.folder / f"{name}.log").open("a") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command],
                cwd=self.code,
                env=self.environment | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def list_children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
