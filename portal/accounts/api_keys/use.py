"""When keys were last used: noted in memory, and written in the background, so that no request waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Case, Q, Value, When

from portal.accounts.api_keys.authentication import AuthenticatedKey
from portal.db.background_writer import writer
from portal.db.latest_values import LatestValues
from portal.models import ApiKey

LAST_USED_INTERVAL = timedelta(minutes=1)
WRITE_SECONDS = 1.0

# When this process last noted a use, by the key's prefix.
_last_noted: dict[str, datetime] = {}
# By the key's id.
unwritten: LatestValues[int, datetime] = LatestValues()


def record_use(caller: AuthenticatedKey, *, now: datetime) -> None:
    """Note that the key is used, at most once a minute. `write_uses` writes it to `last_used_at`; no query."""
    last = _last_noted.get(caller.prefix)
    if last and timedelta(0) <= now - last < LAST_USED_INTERVAL:
        return
    _last_noted[caller.prefix] = now
    unwritten.note(caller.pk, now)
    writer.start()


def write_uses() -> None:
    """Write what is noted, at most once a minute for each key: one query, or none. Keeps what cannot be written."""
    unwritten.write(_write)


def _write(uses: dict[int, datetime]) -> None:
    due = [
        Q(pk=pk) & (Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - LAST_USED_INTERVAL))
        for pk, at in uses.items()
    ]
    times = Case(*(When(pk=pk, then=Value(at)) for pk, at in uses.items()))
    ApiKey.objects.filter(Q(*due, _connector=Q.OR)).update(last_used_at=times)


writer.add(write_uses, seconds=WRITE_SECONDS)
