"""Rate limits per key, across any number of processes and without a write for each request.

Each process counts in memory. At most once a second it adds its count to the key's row, and reads the total of all
processes in the same statement. In between it does not see the others: a limit may be exceeded by the requests that
all processes answer in about a second, and never takes effect early.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from portal.accounts.api_keys import AuthenticatedKey
from portal.api.problems import Problem
from portal.models import ApiKey

WINDOW_SECONDS = 60
SYNC_SECONDS = 1.0

# By policy, the setting with the number of requests that a key may make in a minute (0: no limit).
POLICIES = {"default": "API_RATE_LIMIT", "match": "API_MATCH_RATE_LIMIT"}


@dataclass
class _Counter:
    """The counts of a key in one minute: the total of all processes at the last sync, and this process's since then."""

    minute: int
    total: int = 0
    unsynced: int = 0
    synced_at: float = float("-inf")


@dataclass(frozen=True)
class RateLimitStatus:
    """The state of a key's limit after a request; headers as in draft-ietf-httpapi-ratelimit-headers-10."""

    policy: str
    limit: int
    used: int
    resets_in: int

    @property
    def is_exceeded(self) -> bool:
        return bool(self.limit) and self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        if not self.limit:
            return {}
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={max(self.limit - self.used, 0)};t={self.resets_in}',
        }

    def raise_if_exceeded(self) -> None:
        if self.is_exceeded:
            detail = f"This key may make {self.limit:,} requests a minute, and has. The next is in {self.resets_in} s."
            raise Problem("rate_limited", detail, headers={"Retry-After": str(self.resets_in)})


class RateLimiter:
    """The counters of one process. `clock` returns seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counters: dict[tuple[str, str], _Counter] = {}
        self._lock = threading.Lock()

    def count_request(self, caller: AuthenticatedKey | ApiKey, policy: str, *, now: datetime) -> RateLimitStatus:
        """Count a request of the caller's key. It writes once a second, so call it outside any transaction."""
        limit = getattr(settings, POLICIES[policy])
        minute, seconds = divmod(int(now.timestamp()), WINDOW_SECONDS)
        if not limit:
            return RateLimitStatus(policy, 0, 0, WINDOW_SECONDS - seconds)
        name, to_sync = (caller.prefix, policy), 0
        with self._lock:
            counter = self._counters.get(name)
            if counter is None or counter.minute != minute:
                counter = self._counters[name] = _Counter(minute)
            counter.unsynced += 1
            if self._clock() - counter.synced_at >= SYNC_SECONDS:
                counter.synced_at = self._clock()
                to_sync, counter.unsynced = counter.unsynced, 0
        if to_sync:
            total = _add_to_total(caller.pk, policy, minute, to_sync)
            with self._lock:
                counter.total = total
        return RateLimitStatus(policy, limit, counter.total + counter.unsynced, WINDOW_SECONDS - seconds)


# A process whose clock is behind adds to the later minute: counting a few too many is better than losing many. A minute
# that is far ahead was counted while a clock was wrong.
_ADD_SQL = """
INSERT INTO portal_apiusage (api_key_id, policy, minute, request_count) VALUES (%s, %s, %s, %s)
ON CONFLICT (api_key_id, policy) DO UPDATE SET
    request_count = CASE WHEN portal_apiusage.minute BETWEEN excluded.minute AND excluded.minute + 5
           THEN portal_apiusage.request_count + excluded.request_count ELSE excluded.request_count END,
    minute = CASE WHEN portal_apiusage.minute BETWEEN excluded.minute AND excluded.minute + 5
           THEN portal_apiusage.minute ELSE excluded.minute END
RETURNING request_count
"""


def _add_to_total(key_id: int, policy: str, minute: int, count: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_ADD_SQL, [key_id, policy, minute, count])
        return cursor.fetchall()[0][0]


count_request = RateLimiter().count_request
