"""What the demo command does before it starts its programs: check the port, delete old data, create new data."""

from __future__ import annotations

import errno
import logging
import shutil
import socket
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.demo.data import DemoData
from portal.models import Lease

HOST = "127.0.0.1"


def check_port_is_free(port: int) -> None:
    """Raises CommandError if the port cannot be used. Called first, so that nothing has been done by then."""
    with socket.socket() as listener:
        # Servers set this as well: a port whose last connections are still closing is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except (OSError, OverflowError) as error:
            in_use = getattr(error, "errno", None) == errno.EADDRINUSE
            reason = "is in use by another program" if in_use else f"cannot be used ({error})"
            other = port + 1 if in_use else 8000
            raise CommandError(
                f"Port {port} {reason}. Nothing was started. Choose another one: make demo PORT={other}"
            ) from None


def delete_demo_data() -> None:
    """Delete the files that a demo creates, by name. Other files in the directory stay."""
    database = settings.DATABASES["default"]
    if not str(database["ENGINE"]).endswith("sqlite3"):
        raise CommandError(
            "--reset throws away the demo's SQLite file only. Your DATABASE_URL names another database: empty it there."
        )
    file = Path(str(database["NAME"]))
    created = (settings.MEDIA_ROOT, settings.DATA_DIR / "demo-api-key", *settings.DATA_DIR.glob("simulated*"))
    for path in (*file.parent.glob(f"{file.name}*"), *map(Path, created)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shutil.rmtree(settings.QSTAT_DIR, ignore_errors=True)


def prepare(*, collect_static_files: bool) -> DemoData:
    """Migrate, collect static files and create the demo data, before any program starts.

    Programs that did this side by side would fail: in migrations, and when the first connection switches SQLite to WAL.
    """
    # The demo data has a history. Its log lines would precede those of the running portal.
    logging.disable(logging.INFO)
    call_command("migrate", interactive=False, verbosity=0)
    # The data directory is locked, so every remaining lease belongs to a process that was killed.
    Lease.objects.all().delete()
    if collect_static_files:
        call_command("collectstatic", interactive=False, verbosity=0)
    demo_data = import_string(settings.DEMO_DATA_LOADER)(now=timezone.now())
    connections.close_all()
    logging.disable(logging.NOTSET)
    return demo_data
