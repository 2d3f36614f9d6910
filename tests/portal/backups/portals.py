"""Portals with a database and a data directory of their own, for backups, restores and moves as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT

# An account with numbers, two photos and an unconfirmed import, each with its file.
FILL = """
from io import BytesIO
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image
from portal.audit import Actor, Context
from reputation.imports import pipeline
from reputation.test_calls.photos import store_photo
from tests.factories import AccountFactory, MemberFactory, PhoneNumberFactory
now = timezone.now()
member = MemberFactory(account=AccountFactory(name="Zürich “Solar” \\\\ LLC\\n"))
PhoneNumberFactory.create_batch(20, account=member.account)
for color in ("red", "blue"):
    picture = BytesIO()
    Image.new("RGB", (30, 30), color).save(picture, "PNG")
    picture.seek(0)
    store_photo(member.account, picture, now=now)
lines = "\\n".join(f"+1206555{number:04},Label {number}" for number in range(20_000))
upload = SimpleUploadedFile("numbers.csv", f"number,label\\n{lines}\\n".encode())
pipeline.receive(account=member.account, upload=upload, context=Context(Actor(user=member.user, via="web"), now))
"""
# All rows of all tables, and all uploads, each as a checksum.
DESCRIBE = """
import json
from hashlib import sha256
from django.conf import settings
from django.db import connection
from portal.backups.snapshots import list_tables
tables = {}
with connection.cursor() as cursor:
    for table in [*list_tables(), "django_migrations"]:
        cursor.execute(f"SELECT * FROM {table}")
        rows = sorted(map(repr, cursor.fetchall()))
        tables[table] = [len(rows), sha256("\\n".join(rows).encode()).hexdigest()]
paths = (path for path in settings.MEDIA_ROOT.glob("[!.]*/**/*") if path.is_file())
files = {str(path.relative_to(settings.MEDIA_ROOT)): sha256(path.read_bytes()).hexdigest() for path in paths}
print(json.dumps({"tables": tables, "files": files}))
"""
OPEN_DATABASE = "from django.db import connection; connection.ensure_connection()"


@dataclass
class Portal:
    """A portal in a folder of its own. `database` is its DATABASE_URL."""

    folder: Path
    database: str

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self.database,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PYTHONWARNINGS": "ignore",
        }

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    def manage(self, *arguments: object) -> subprocess.CompletedProcess:
        return self._run("manage.py", *arguments)

    def manage_well(self, *arguments: object) -> str:
        done = self.manage(*arguments)
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, code: str, *arguments: object) -> str:
        done = self._run("-c", f"import django; django.setup()\n{code}", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, code: str, *arguments: object, log: Path | None = None) -> subprocess.Popen:
        """Start Python with the code. It writes to the file, or to the `stdout` of the process."""
        script = f"import django; django.setup()\n{code}"
        with ExitStack() as stack:
            out = stack.enter_context(log.open("wb")) if log else subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, "-c", script, *map(str, arguments)],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=out if log else None,
            )

    @contextmanager
    def running(self, code: str, *arguments: object) -> Iterator[None]:
        """Run the code in a process that then waits until the block ends."""
        process = self.start(f"{code}\nprint('ready', flush=True); import time; time.sleep(600)", *arguments)
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()
            process.communicate()

    def describe(self) -> dict:
        """The checksums of all tables and files."""
        return json.loads(self.run(DESCRIBE))

    def _run(self, *arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
