"""A portal with all its processes, which are started again when they end, as systemd does."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from tests.support.processes import ROOT
from tests.support.servers import free_port, wait_for_port
from tests.torture.databases import DATABASES
from tests.torture.disks import Disk

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
RESTART_SECONDS = 2
STOP_SECONDS = 60
UPLOAD_DISK_MB, LOG_DISK_MB = 200, 100


class Service:
    """A process that is started again `RESTART_SECONDS` after it ended, until `stop`; with a process group of its own.

    What is left of the group is killed first, as systemd does with what is left of a unit.
    """

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.is_wanted = True
        self.process = self._start()
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _start(self) -> subprocess.Popen:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def _watch(self) -> None:
        while True:
            self.process.wait()
            self._kill_group()
            if not self.is_wanted:
                return
            time.sleep(RESTART_SECONDS)
            if not self.is_wanted:
                return
            self.process = self._start()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> bool:
        """Return whether it ended by itself after SIGTERM."""
        self.is_wanted = False
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
            return True
        except subprocess.TimeoutExpired:
            return False
        finally:
            self._kill_group()
            self.watcher.join(10)


class Installation:
    """Web, workers, the stand-ins of vendor and receiver, the database, and disks for uploads and logs."""

    def __init__(self, database: str) -> None:
        self.folder = Path(mkdtemp(prefix="portal-torture-"))
        self.folder.chmod(0o755)
        self.database = DATABASES[database](self.folder)
        self.uploads = Disk(self.folder / "data", UPLOAD_DISK_MB)
        self.logs = Disk(self.folder / "log", LOG_DISK_MB)
        self.port, self.stand_in_port = free_port(), free_port()
        self.clock = self.folder / "clock"
        self.clock.write_text("+0")
        self.received, self.probed = self.folder / "received.txt", self.folder / "probed.txt"
        self.received.touch()
        self.probed.touch()
        self.services: list[Service] = []
        self.environment = self._make_environment()
        self.behave()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stand_in_url(self) -> str:
        return f"http://127.0.0.1:{self.stand_in_port}"

    def _make_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "DEMO": "1",  # a day of the service lasts seconds, and webhooks may go to this machine
            "DAY_SECONDS": "30",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "PUBLIC_URL": self.url,
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATA_DIR": str(self.uploads.folder),
            "DATABASE_URL": self.database.url,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PROVIDERS": "tests.torture.vendor.TortureVendor",
            "TORTURE_VENDOR": f"{self.stand_in_url}/vendor",
            "EMAIL_URL": "dummymail://",
            "API_RATE_LIMIT": "0",
            "API_MATCH_RATE_LIMIT": "0",
            "BIND": f"127.0.0.1:{self.port}",
            "WEB_CONCURRENCY": "2",
            "WORKERS": "2",
            "FTC_FETCH": "0",
            "FCC_FETCH": "0",
            "PYTHONUNBUFFERED": "1",
        }

    def behave(self, **behaviours: str) -> None:
        """Set how vendor and receiver behave from now on; without a name, well."""
        partly = self.folder / "behaviour.new"
        partly.write_text(json.dumps(behaviours))
        partly.replace(self.folder / "behaviour.json")

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def save(self) -> None:
        """Keep the database as it is now, for `begin_again`. Nobody may use it meanwhile."""
        self.database.save()

    def begin_again(self) -> None:
        """Bring the database back to how it was when it was saved, and forget what the receiver got."""
        self.database.restore()
        self.received.write_text("")
        self.probed.write_text("")

    def start(self, *, can_shift_clock: bool = False) -> None:
        """Start everything, with libfaketime if the clock is to be shifted; returns when the web answers."""
        self._add("stand-ins", "-m", "tests.torture.stand_ins", str(self.stand_in_port), str(self.folder))
        shifted = {
            "LD_PRELOAD": FAKETIME,
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(Path(__file__).with_name("faketime")),
        }
        more = shifted if can_shift_clock else {}
        self._add("web", "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "portal.wsgi", **more)
        self.add_cluster(0, **more)
        wait_for_port(self.port, "The portal")

    def add_cluster(self, number: int, **environment: str) -> Service:
        return self._add(f"workers {number}", "manage.py", "run_workers", **environment)

    def _add(self, name: str, *command: str, **environment: str) -> Service:
        log = self.logs.folder / f"{name.replace(' ', '-')}.log"
        service = Service(name, [sys.executable, *command], self.environment | environment, log)
        self.services.append(service)
        return service

    def get(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    def stop(self) -> list[str]:
        """Stop everything, and return the names of what had to be killed."""
        services, self.services = self.services, []
        return [service.name for service in services if not service.stop() and service.name != "stand-ins"]

    def keep_logs(self, folder: Path) -> None:
        """Copy all logs to the folder, for a look at what went wrong."""
        shutil.copytree(self.logs.folder, folder, dirs_exist_ok=True)

    def close(self) -> None:
        self.stop()
        self.database.close()
        self.uploads.unmount()
        self.logs.unmount()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def installation(database: str) -> Iterator[Installation]:
    """A migrated portal whose processes do not run yet."""
    portal = Installation(database)
    try:
        portal.manage("migrate")
        portal.manage("collectstatic", "--noinput", "-v", "0")
        yield portal
    finally:
        portal.close()
