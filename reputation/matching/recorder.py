"""Record match results for the statistics: counted in memory, and written in batches.

A dialer asks thousands of times a minute, and one row per call would cost more than the match itself. Pages show totals
per day and number (NumberCalls) and per day and campaign (CampaignCalls). Each web process adds its counts to them
every FLUSH_SECONDS and when it exits. A process that is killed loses its counts since the last flush.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from portal.db.background_writer import writer
from portal.jobs import totals
from reputation.metrics import MATCH_SECONDS
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber

FLUSH_SECONDS = 10.0
# Rows in one statement and one transaction.
CHUNK = 1_000
# Counted instead of the Basis if the call shows a local number although it has a label.
LABELLED_BASIS = "labelled"

_lock = threading.Lock()
_number_calls: Counter[tuple[int, int, date]] = Counter()
_campaign_calls: Counter[tuple[int, int, date, str, bool, str]] = Counter()


def record_match(
    *,
    account_id: int,
    campaign_id: int,
    day: date,
    basis: str,
    skipped_tagged: bool,
    number_id: int | None,
    default_e164: str,
    is_already_counted: bool,
    seconds: float,
) -> None:
    """Count one match result. `default_e164` is the default caller ID if the call shows it, else empty.

    With RECORD_DECISIONS = N above 1, one in N results is counted N times; with 0, none is. `is_already_counted` means
    that the daily limit counted the number's call (see daily_limit.count_call). `seconds` is how long the match took.
    """
    weight = settings.RECORD_DECISIONS
    if not weight or (weight > 1 and random.randrange(weight)):
        return
    with _lock:
        _campaign_calls[account_id, campaign_id, day, basis, skipped_tagged, default_e164] += weight
        if number_id is not None and not is_already_counted:
            _number_calls[account_id, number_id, day] += weight
    MATCH_SECONDS.observe(seconds)
    writer.start()


def flush() -> None:
    """Write the counts since the last flush. Counts that cannot be written are kept for the next flush.

    Only one thread may do it at a time.
    """
    _add_to_totals(NumberCalls, PhoneNumber, ("account_id", "number_id", "day"), _number_calls)
    key = ("account_id", "campaign_id", "day", "basis", "skipped_tagged", "default_e164")
    _add_to_totals(CampaignCalls, Campaign, key, _campaign_calls)


def _add_to_totals(
    model: type[NumberCalls] | type[CampaignCalls],
    subject_model: type[PhoneNumber] | type[Campaign],
    key: tuple[str, ...],
    counts: Counter[Any],
) -> None:
    """Add the counts to the stored totals, in chunks. Counts of deleted numbers and campaigns are dropped.

    `key` names the columns of the counters' keys; the second one refers to `subject_model`.
    """
    table, columns, subject = model._meta.db_table, ", ".join(key), subject_model._meta.db_table
    given = [f"given.column{position}" for position in range(1, len(key) + 2)]
    if connection.vendor == "postgresql":
        given[2] = f"CAST({given[2]} AS date)"
    # All processes lock the rows in the same order, so that two of them cannot deadlock.
    with _lock:
        keys = sorted(counts)
    for first in range(0, len(keys), CHUNK):
        with _lock:
            rows = [(*key_values, counts.pop(key_values)) for key_values in keys[first : first + CHUNK]]
        values_sql = ", ".join([f"({', '.join(['%s'] * len(given))})"] * len(rows))
        sql = (
            f"INSERT INTO {table} ({columns}, calls) SELECT {', '.join(given)} FROM (VALUES {values_sql}) AS given "
            f"WHERE EXISTS (SELECT 1 FROM {subject} s WHERE s.id = given.column2) "
            f"ON CONFLICT ({', '.join(key[1:])}) DO UPDATE SET calls = {table}.calls + excluded.calls"
        )
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql, [value for row in rows for value in row])
        except Exception:
            with _lock:
                for *key_values, calls in rows:
                    counts[tuple(key_values)] += calls
            raise


def _reset_after_fork() -> None:
    """Start with no counts and a free lock in a forked process.

    The parent writes its counts itself, and a lock that another of its threads held would never be released here.
    """
    global _lock
    _lock = threading.Lock()
    _number_calls.clear()
    _campaign_calls.clear()


os.register_at_fork(after_in_child=_reset_after_fork)
writer.add(totals.flush, seconds=FLUSH_SECONDS)
writer.add(flush, seconds=FLUSH_SECONDS)
