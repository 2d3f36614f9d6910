"""The audit trail as a feed, in the order of ids. An event never appears below an id that was already returned."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from portal.audit.labels import get_event_codes
from portal.models import Account, AuditEvent

# Transactions are shorter than this. Older events are not compared: after 2^31 transactions `xmin` wraps around.
MAX_TRANSACTION_AGE = timedelta(hours=1)

_NO_OLDER_TRANSACTION_SQL = """
(portal_auditevent.at < %s
 OR age(portal_auditevent.xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid))
"""


def get_settled_events(*, account: Account, kind: str = "", now: datetime) -> QuerySet[AuditEvent]:
    """Return the account's settled events, of one kind of EVENT_KINDS or of all.

    PostgreSQL assigns ids on insert and shows rows on commit, so an event of a long transaction appears below events
    that were read before. An event is therefore held back while a writing transaction older than its own is open
    (`xmin` is the transaction that inserted the row): at most as long as the longest chunk of a task. SQLite has one
    writer at a time and needs no such check.
    """
    settled: QuerySet[AuditEvent] = AuditEvent.objects.for_account(account).with_actors()
    if kind:
        settled = settled.filter(code__in=get_event_codes(kind))
    if connection.vendor == "postgresql":
        settled = settled.extra(where=[_NO_OLDER_TRANSACTION_SQL], params=[now - MAX_TRANSACTION_AGE])
    return settled
