"""How often a key may ask: about right across any number of processes, without a write for each request.

Each process counts in memory. Once a second at most it adds what it counted to the key's row, and learns in the same
statement what all processes counted together. Between two of these a process knows nothing of the others: a limit may
be overshot by what all of them answer in about a second, and is never undershot.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from portal.accounts.api_keys import AuthenticatedKey
from portal.api.problems import Problem

WINDOW_SECONDS = 60
SYNC_SECONDS = 1.0

# By policy: the setting that says how many requests a key may make in a minute; 0 is no limit.
POLICIES = {"default": "API_RATE_LIMIT", "match": "API_MATCH_RATE_LIMIT"}


@dataclass
class _Counter:
    """What one process knows of a key: of which minute, what all had counted, and what it has not told yet."""

    minute: int
    by_all: int = 0
    untold: int = 0
    told_at: float = float("-inf")


@dataclass(frozen=True)
class RateLimitStatus:
    """How a key stands after this request, as draft-ietf-httpapi-ratelimit-headers-10 has it."""

    policy: str
    limit: int
    used: int
    resets_in: int

    @property
    def is_too_much(self) -> bool:
        return bool(self.limit) and self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        if not self.limit:
            return {}
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={max(self.limit - self.used, 0)};t={self.resets_in}',
        }

    def refuse_too_much(self) -> None:
        """Raises the problem of one request too many."""
        if self.is_too_much:
            detail = f"This key may make {self.limit:,} requests a minute, and has. The next is in {self.resets_in} s."
            raise Problem("rate_limited", detail, headers={"Retry-After": str(self.resets_in)})


_counters: dict[tuple[str, str], _Counter] = {}
_lock = threading.Lock()


def count_request(caller: AuthenticatedKey, policy: str, *, now: datetime) -> RateLimitStatus:
    """Counts one request of the caller's key. Call it outside any transaction: once a second it writes."""
    limit = getattr(settings, POLICIES[policy])
    seconds = int(now.timestamp())
    minute, into_it = divmod(seconds, WINDOW_SECONDS)
    if not limit:
        return RateLimitStatus(policy, 0, 0, WINDOW_SECONDS - into_it)
    name, tell = (caller.prefix, policy), 0
    with _lock:
        counted = _counters.get(name)
        if counted is None or counted.minute != minute:
            counted = _counters[name] = _Counter(minute)
        counted.untold += 1
        if time.monotonic() - counted.told_at >= SYNC_SECONDS:
            counted.told_at = time.monotonic()
            tell, counted.untold = counted.untold, 0
    if tell:
        by_all = _add_to_total(caller.pk, policy, minute, tell)
        with _lock:
            counted.by_all = by_all
    return RateLimitStatus(policy, limit, counted.by_all + counted.untold, WINDOW_SECONDS - into_it)


# A process whose clock is behind adds to the later minute: counting a few too many is better than forgetting many.
_ADD_SQL = """
INSERT INTO portal_apiusage (key_id, policy, minute, used) VALUES (%s, %s, %s, %s)
ON CONFLICT (key_id, policy) DO UPDATE SET
    used = CASE WHEN portal_apiusage.minute >= excluded.minute THEN portal_apiusage.used + excluded.used
           ELSE excluded.used END,
    minute = CASE WHEN portal_apiusage.minute > excluded.minute THEN portal_apiusage.minute ELSE excluded.minute END
RETURNING used
"""


def _add_to_total(key_id: int, policy: str, minute: int, count: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ADD_SQL, [key_id, policy, minute, count])
        return cursor.fetchall()[0][0]
