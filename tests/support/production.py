"""A fresh production install: its own database and environment, gunicorn and the task workers as processes.

It is installed with the commands of docs/production.md. Mails go to files. Nothing asks the FTC or the FCC, so
that no test asks a real service.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string, policy
from pathlib import Path

from tests.support.processes import ROOT, run_python
from tests.support.servers import free_port, wait_for_port

# Only to end a test of a portal that hangs.
COMMAND_TIMEOUT = 240
STOP_TIMEOUT = 60
SUPERUSER = "root@portal.example"
PASSWORD = "a production portal 2026"

# Moves every time and date but those of the audit trail, which is append-only, back by so many days. In two steps, so
# that no row meets one that is not moved yet: a unique constraint may hold a date.
MOVE_BACK = """
import sys
from datetime import timedelta
from django.apps import apps
from django.db import transaction
from django.db.models import DateField, F
far, days = timedelta(days=4000), timedelta(days=int(sys.argv[1]))
with transaction.atomic():
    for model in apps.get_models():
        if model._meta.app_label == "django_q" or not model._meta.managed:
            continue
        if model._meta.model_name in ("auditevent", "auditbatch"):
            continue
        names = [field.name for field in model._meta.local_fields if isinstance(field, DateField)]
        for step in (-far, far - days):
            if names:
                model._base_manager.update(**{name: F(name) + step for name in names})
"""


class ProductionPortal:
    """A portal in `folder`. `start` and `stop` run its processes; `manage` runs one command."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.mails = folder / "mails"
        self.mails.mkdir(parents=True)
        self._processes: list[subprocess.Popen] = []
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = kept | {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "127.0.0.1",
            "PUBLIC_URL": self.url,
            "ALLOW_PLAIN_HTTP": "1",
            "DATA_DIR": str(folder),
            "EMAIL_URL": f"filemail:///{self.mails}",
            "DEFAULT_FROM_EMAIL": "Number Reputation <portal@portal.example>",
            "FTC_FETCH": "0",
            "FCC_FETCH": "0",
            "BIND": f"127.0.0.1:{self.port}",
            "WEB_CONCURRENCY": "1",
            "WORKERS": "1",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
            **environment,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def install(self) -> None:
        self.manage("migrate")
        self.manage("collectstatic", "--noinput")
        self.manage("createsuperuser", "--noinput", "--email", SUPERUSER)

    def manage(self, *arguments: str, code: str = "") -> str:
        """Run manage.py, or this code, with the arguments; return the output."""
        script = ["-c", f"import django; django.setup()\n{code}"] if code else ["manage.py"]
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
        return run_python(*script, *arguments, environment=environment, seconds=COMMAND_TIMEOUT)

    def start(self) -> None:
        for name, command in (
            ("web", ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "portal.wsgi"]),
            ("worker", ["manage.py", "run_workers"]),
        ):
            with (self.folder / f"{name}.log").open("a") as log:
                process = subprocess.Popen(
                    [sys.executable, *command],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._processes.append(process)
        wait_for_port(self.port, "The portal")

    def stop(self) -> None:
        """Stop the processes as systemd does. Kill what does not stop in time, and raise."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        late = []
        for process in self._processes:
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                late.append(process.args)
        self._processes = []
        assert not late, f"Did not stop in {STOP_TIMEOUT} seconds: {late}"

    def wait_days(self, days: int) -> None:
        """Let so many days pass: with everything stopped, all that happened is moved back by them."""
        self.stop()
        self.manage(str(days), code=MOVE_BACK)
        self.start()

    def read_links(self, address: str, part: str) -> list[str]:
        """The links in the mails to this address that have this part, oldest first."""
        found = []
        for path in sorted(self.mails.iterdir(), key=lambda one: one.stat().st_mtime_ns):
            for text in re.split(r"\n-{79}\n", path.read_text()):
                mail = message_from_string(text.lstrip("\n"), policy=policy.default)
                if address in str(mail["To"]):
                    found += re.findall(r"http://\S+", mail.get_content())
        return [link for link in found if part in link]


@contextmanager
def production_portal(folder: Path, **environment: str) -> Iterator[ProductionPortal]:
    """Install and run a portal in this folder until the block ends. `environment` is added to its environment."""
    portal = ProductionPortal(folder, **environment)
    portal.install()
    portal.start()
    try:
        yield portal
    finally:
        portal.stop()
