"""`manage.py run_workers`: the way to run the task workers."""

from __future__ import annotations

from django.core.management.base import BaseCommand
from django.db import connections

from portal.jobs.supervisor.loop import Supervisor


class Command(BaseCommand):
    help = (
        "Runs the task workers until SIGTERM or Ctrl-C: starts a task cluster, sends a canary task through it every "
        "few seconds, and replaces it if it dies or is stuck."
    )

    def handle(self, **options: object) -> None:
        limit_waiting_for_database()
        Supervisor().run()


def limit_waiting_for_database() -> None:
    """Let this process notice that PostgreSQL's machine is gone. Otherwise it may wait for two hours."""
    database = connections.settings["default"]
    if database["ENGINE"] == "django.db.backends.postgresql":
        database["OPTIONS"] = {**database.get("OPTIONS", {}), "connect_timeout": 5, "tcp_user_timeout": 10_000}
