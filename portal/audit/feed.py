"""The audit trail as a feed, in the order of ids. An event never appears below an id that was already returned."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from portal.audit.labels import get_event_codes
from portal.models import Account, AuditEvent

# Transactions are shorter than this. Older events are not compared: after 2^31 transactions `xmin` wraps around.
MAX_TRANSACTION_AGE = timedelta(hours=1)

# The snapshot has the transactions of all databases of the server. One that has ended since is not in pg_locks, so it
# counts as one of this database, and the next read finds it gone.
_NO_OLDER_TRANSACTION_SQL = """
(portal_auditevent.at < %s
 OR age(portal_auditevent.xmin) > age(COALESCE((
     SELECT open FROM pg_snapshot_xip(pg_current_snapshot()) AS open
     WHERE NOT EXISTS (
         SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND transactionid = open::xid
         AND datname <> current_database()
     )
     ORDER BY open LIMIT 1
 ), pg_snapshot_xmax(pg_current_snapshot()))::xid))
"""


def get_settled_events(*, account: Account, kind: str = "", now: datetime) -> QuerySet[AuditEvent]:
    """Return the account's settled events, of one kind of EVENT_KINDS or of all.

    PostgreSQL assigns ids on insert and shows rows on commit, so an event of a long transaction appears below events
    that were read before. An event is therefore held back while a writing transaction of this database is open that is
    older than its own (`xmin` is the transaction that inserted the row): at most as long as the longest chunk of a
    task. SQLite has one writer at a time and needs no such check.
    """
    settled: QuerySet[AuditEvent] = AuditEvent.objects.for_account(account).with_actors()
    if kind:
        settled = settled.filter(code__in=get_event_codes(kind))
    if connection.vendor == "postgresql":
        settled = settled.extra(where=[_NO_OLDER_TRANSACTION_SQL], params=[now - MAX_TRANSACTION_AGE])
    return settled
