"""The audit trail as a feed: in the order of ids, with nothing that comes later below an id that was answered."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from portal.audit.labels import get_event_codes
from portal.models import Account, AuditEvent

# No transaction lasts so long; and beyond the last two thousand million transactions `xmin` would mislead.
MAX_TRANSACTION_AGE = timedelta(hours=1)

_NO_OLDER_TRANSACTION_SQL = """
(portal_auditevent.at < %s
 OR age(portal_auditevent.xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid))
"""


def get_settled_events(*, account: Account, kind: str = "", now: datetime) -> QuerySet[AuditEvent]:
    """The account's events that are settled, of a kind of wording.KINDS or of all.

    PostgreSQL gives ids when rows are inserted, and shows rows when they are committed: the event of a longer
    transaction appears below those that a reader has had already. So an event is held back while any transaction that
    writes is older than its own (`xmin` is the transaction that inserted the row); that takes as long as the longest
    chunk of a task. SQLite has one writer at a time, and no such gap.
    """
    settled = AuditEvent.objects.for_account(account).select_related("actor", "api_key")
    if kind:
        settled = settled.filter(what__in=get_event_codes(kind))
    if connection.vendor == "postgresql":
        settled = settled.extra(where=[_NO_OLDER_TRANSACTION_SQL], params=[now - MAX_TRANSACTION_AGE])
    return settled
