"""What keeps events from being altered in SQLite: triggers that refuse it.

They stop mistakes, and deter. Whoever may write to the file can drop them, but `verify_audit` finds what was altered.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import connection

from portal.models import AuditBatch, AuditEvent

_EVENTS, _BATCHES = AuditEvent._meta.db_table, AuditBatch._meta.db_table
# The columns that linking fills, once.
LINKING = ("position", "hash")
_FIXED = [field.column for field in AuditBatch._meta.concrete_fields if field.column not in LINKING]
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'The audit trail is never changed.'); END"


def _list(prefix: str) -> str:
    return ", ".join(f"{prefix}.{column}" for column in _FIXED)


TRIGGERS = {
    "audit_event_altered": f"BEFORE UPDATE ON {_EVENTS} {_REFUSE}",
    "audit_event_deleted": f"BEFORE DELETE ON {_EVENTS} {_REFUSE}",
    "audit_batch_altered": f"BEFORE UPDATE ON {_BATCHES} "
    f"WHEN OLD.position IS NOT NULL OR ({_list('OLD')}) IS NOT ({_list('NEW')}) {_REFUSE}",
    "audit_batch_deleted": f"BEFORE DELETE ON {_BATCHES} {_REFUSE}",
}


def install_triggers() -> None:
    """Create the triggers that are missing. Nothing to do on PostgreSQL."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for name, definition in TRIGGERS.items():
                cursor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {definition}")


def remove_triggers() -> None:
    """Before a migration: it may fill a new column of the events."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for name in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")


def begin_migration(plan: list[object], **kwargs: object) -> None:
    """Receives pre_migrate."""
    if plan:
        remove_triggers()


def end_migration(apps: Apps | None = None, **kwargs: object) -> None:
    """Receives post_migrate. `apps` is the state after the migrations, which may have been undone.

    A flush, which empties the tables between tests, sends the signal without `apps`.
    """
    if apps is None or AuditBatch._meta.label in {model._meta.label for model in apps.get_models()}:
        install_triggers()
