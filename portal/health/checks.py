"""What /readyz checks. Each check answers with one word, which is "ok" if nothing is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from portal.jobs.work import DueWork, due_work
from portal.models import Canary

OK: Final = "ok"
# Of checks that need the database, if it does not answer.
UNKNOWN: Final = "unknown"
# A cluster is replaced when no canary came through for 30 seconds, or two minutes if all of its workers are in tasks.
CANARY_LATE: Final = timedelta(minutes=3)

# The results of the checks by their names.
Results = dict[str, str]


def check_disk() -> str:
    """ "full" if less than settings.MIN_FREE_DISK_MB is free in DATA_DIR, "unreadable" if it is not there."""
    try:
        free = shutil.disk_usage(settings.DATA_DIR).free
    except OSError:
        return "unreadable"
    return OK if free >= settings.MIN_FREE_DISK_MB * 1_000_000 else "full"


def check_database(now: datetime) -> Results:
    """The checks that ask the database, with as many queries each time. Raises django.db.Error."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    results = {"database": OK, "migrations": check_migrations()}
    if results["migrations"] != OK:  # a column or a table may be missing
        return results
    cheap = due_work(now, only_cheap=True)
    return results | {
        "canary": check_canary(now),
        "work": check_work(cheap, now, is_kind=lambda name: not _is_mail(name)),
        "mail": check_work(cheap, now, is_kind=_is_mail),
    }


def check_migrations() -> str:
    """ "unapplied" if this version has migrations that the database lacks. It may have later ones."""
    applied = MigrationRecorder.Migration.objects.values_list("app", "name")
    return OK if _get_own_migrations() <= set(applied) else "unapplied"


@cache
def _get_own_migrations() -> frozenset[tuple[str, str]]:
    """Read once, so that an update on the disk does not count before the process is restarted."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations or {})


def check_canary(now: datetime) -> str:
    """ "missing" if no canary has ever run, "late" if none has run for a while in any cluster."""
    last_run_at = Canary.get_last_run_at()
    if last_run_at is None:
        return "missing"
    return OK if now - last_run_at <= CANARY_LATE else "late"


def check_work(due: list[DueWork], now: datetime, *, is_kind: Callable[[str], bool]) -> str:
    """ "late" if work of these kinds is due for longer than its bound."""
    return "late" if any(work.is_late(now) for work in due if is_kind(work.kind.name)) else OK


def _is_mail(name: str) -> bool:
    return "mail" in name
