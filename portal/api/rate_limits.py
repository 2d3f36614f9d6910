"""Rate limits per key, across any number of processes, without a query in the request.

Each process counts in memory. Once a second its background writer adds the counts to the keys' rows, and reads the
totals of all processes in the same statement. In between it does not see the others: a limit may be exceeded by the
requests that all processes answer in about a second, and never takes effect early. While the database cannot be
written, each process limits by what it counted itself.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from portal.accounts.api_keys import AuthenticatedKey
from portal.api.problems import Problem
from portal.db.background_writer import writer
from portal.models import ApiKey

WINDOW_SECONDS = 60
WRITE_SECONDS = 1.0

# By policy, the setting with the number of requests that a key may make in a minute (0: no limit).
POLICIES = {"default": "API_RATE_LIMIT", "match": "API_MATCH_RATE_LIMIT"}


@dataclass
class _Counter:
    """The counts of a key in one minute.

    `total` is that of all processes when it was read last. The others are what this process counted since then.
    """

    minute: int
    total: int = 0
    writing: int = 0
    unwritten: int = 0

    @property
    def used(self) -> int:
        return self.total + self.writing + self.unwritten


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
    """The counters of one process."""

    def __init__(self) -> None:
        self._counters: dict[tuple[int, str], _Counter] = {}
        self._lock = threading.Lock()

    def count_request(self, caller: AuthenticatedKey | ApiKey, policy: str, *, now: datetime) -> RateLimitStatus:
        """Count a request of the caller's key, without a query."""
        limit = getattr(settings, POLICIES[policy])
        minute, seconds = divmod(int(now.timestamp()), WINDOW_SECONDS)
        if not limit:
            return RateLimitStatus(policy, 0, 0, WINDOW_SECONDS - seconds)
        name = (caller.pk, policy)
        with self._lock:
            counter = self._counters.get(name)
            if counter is None or counter.minute != minute:
                # What was not written of the former minute limits nothing any more.
                counter = self._counters[name] = _Counter(minute)
            counter.unwritten += 1
            return RateLimitStatus(policy, limit, counter.used, WINDOW_SECONDS - seconds)

    def write_counts(self) -> None:
        """Add the counts of all keys to their rows, and read the totals of all processes; one query, or none.

        Counts that cannot be written are kept for the next time. Those of deleted keys are dropped.
        """
        with self._lock:
            counters = {name: counter for name, counter in sorted(self._counters.items()) if counter.unwritten}
            for counter in counters.values():
                counter.writing, counter.unwritten = counter.unwritten, 0
        if not counters:
            return
        totals: dict[tuple[int, str], int] | None = None
        try:
            totals = _add_to_totals(counters)
        finally:
            with self._lock:
                for name, counter in counters.items():
                    if totals is None:
                        counter.unwritten += counter.writing
                    else:
                        counter.total = totals.get(name, counter.total + counter.writing)
                    counter.writing = 0


# A process whose clock is behind adds to the later minute: counting a few too many is better than losing many. A minute
# that is far ahead was counted while a clock was wrong.
_ADD_SQL = """
INSERT INTO portal_apiusage (api_key_id, policy, minute, request_count)
SELECT given.column1, given.column2, given.column3, given.column4 FROM (VALUES {rows}) AS given
WHERE EXISTS (SELECT 1 FROM portal_apikey k WHERE k.id = given.column1)
ON CONFLICT (api_key_id, policy) DO UPDATE SET
    request_count = CASE WHEN portal_apiusage.minute BETWEEN excluded.minute AND excluded.minute + 5
           THEN portal_apiusage.request_count + excluded.request_count ELSE excluded.request_count END,
    minute = CASE WHEN portal_apiusage.minute BETWEEN excluded.minute AND excluded.minute + 5
           THEN portal_apiusage.minute ELSE excluded.minute END
RETURNING api_key_id, policy, request_count
"""


def _add_to_totals(counters: dict[tuple[int, str], _Counter]) -> dict[tuple[int, str], int]:
    """Add what is being written, in the same order in all processes, so that two cannot deadlock."""
    rows = [(key_id, policy, one.minute, one.writing) for (key_id, policy), one in counters.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_SQL.format(rows=", ".join(["(%s, %s, %s, %s)"] * len(rows))), [value for row in rows for value in row]
        )
        return {(key_id, policy): total for key_id, policy, total in cursor.fetchall()}


_limiter = RateLimiter()


def count_request(caller: AuthenticatedKey | ApiKey, policy: str, *, now: datetime) -> RateLimitStatus:
    """Count a request of the caller's key in this process. The process's background writer writes the counts."""
    writer.start()
    return _limiter.count_request(caller, policy, now=now)


def write_counts() -> None:
    """Write the counts of this process, and read those of the others; one query, or none."""
    _limiter.write_counts()


def _reset_after_fork() -> None:
    """A forked process begins without counts, which its parent writes, and with a free lock."""
    global _limiter
    _limiter = RateLimiter()


os.register_at_fork(after_in_child=_reset_after_fork)
writer.add(write_counts, seconds=WRITE_SECONDS)
