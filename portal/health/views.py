"""The answers of /healthz and /readyz."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from django.db import Error
from django.http import JsonResponse

from portal.health.checks import OK, UNKNOWN, Results, check_database, check_disk
from portal.health.deadline import OneAtATime

logger = logging.getLogger(__name__)

# After this time, a database counts as silent.
DATABASE_SECONDS: Final = 3
DATABASE_CHECKS: Final = ("database", "migrations", "canary", "work", "mail")

_database = OneAtATime(check_database)


def healthz() -> JsonResponse:
    """This process answers. Asks nothing, so an outage of the database does not restart the web server."""
    return JsonResponse({"status": OK})


def readyz(now: datetime) -> JsonResponse:
    """The portal does its work: one word for each check, and 503 if one of them is not "ok"."""
    checks = dict.fromkeys(DATABASE_CHECKS, UNKNOWN) | _ask_database(now) | {"disk": check_disk()}
    is_ready = set(checks.values()) == {OK}
    return JsonResponse(
        {"status": OK if is_ready else "failing", "checks": checks},
        status=200 if is_ready else 503,
        headers={"Cache-Control": "no-store"},
    )


def _ask_database(now: datetime) -> Results:
    try:
        results = _database.call(now, seconds=DATABASE_SECONDS)
    except Error as error:
        logger.warning("The health check cannot use the database: %s", error)
        return {"database": "absent"}
    return {"database": "silent"} if results is None else results
