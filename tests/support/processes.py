"""Python processes beside that of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def start_python(code: str, *arguments: object, log: IO[bytes] | None = None, **environment: str) -> subprocess.Popen:
    """Run the code on the test database; the test needs transaction=True.

    `arguments` are in its sys.argv. `environment` is added to that of this process. What it writes goes to `log`.
    """
    here = connection.settings_dict
    address = f"postgres://{here['USER']}:{here['PASSWORD']}@{here['HOST']}:{here['PORT']}/{here['NAME']}"
    database = {"DATABASE_URL": f"sqlite:///{here['NAME']}" if connection.vendor == "sqlite" else address}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **database, **environment},
        stdout=log or subprocess.DEVNULL,
        stderr=log or subprocess.DEVNULL,
    )


def run_python(
    *arguments: object, environment: dict[str, str], folder: Path = ROOT, seconds: float | None = None
) -> str:
    """Run Python in the folder with this environment until it ends well, and return what it writes."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def run_on_database(address: str, *arguments: object, folder: Path = ROOT) -> str:
    """Run Python with the portal's code in the folder, on the database, and return what it writes."""
    code = {"PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "portal.settings", "DEMO": "1"}
    return run_python(*arguments, environment=os.environ | code | {"DATABASE_URL": address}, folder=folder)
