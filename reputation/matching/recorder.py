"""What was decided, for the figures: gathered in the process that answers, and written in batches.

A dialer asks thousands of times a minute; a row for each answer would cost more than the answer. Sums for each number
and each campaign and day are what pages show (NumberCalls, CampaignCalls). They are written every ten seconds; a web
process that is killed loses what it decided since, a process that ends writes it first.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import threading
import time
from collections import Counter
from datetime import date

from django.conf import settings
from django.db import connection, connections, transaction

from reputation.models import CampaignCalls, NumberCalls

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 10.0
# Rows in one statement and one transaction.
CHUNK = 1_000

_lock = threading.Lock()
# One writes at a time: the end of a process may come while its writer is at it.
_flush_lock = threading.Lock()
_number_calls: Counter[tuple[int, int, date]] = Counter()
_campaign_calls: Counter[tuple[int, int, date, str, bool]] = Counter()
_flusher: tuple[int, threading.Thread] | None = None


def record_match(
    *,
    account_id: int,
    campaign_id: int,
    day: date,
    basis: str,
    skipped_tagged: bool,
    number_id: int | None,
    is_counted: bool,
) -> None:
    """Notes one decision, or where RECORD_DECISIONS says 1 in N, one in N decisions for N. `is_counted`: the number's
    call is counted already, because a daily limit needs it at once."""
    weight = settings.RECORD_DECISIONS
    if not weight or (weight > 1 and random.randrange(weight)):
        return
    with _lock:
        _campaign_calls[account_id, campaign_id, day, basis, skipped_tagged] += weight
        if number_id is not None and not is_counted:
            _number_calls[account_id, number_id, day] += weight
    if _flusher is None or _flusher[0] != os.getpid():
        _start_flusher()


def flush() -> None:
    """Writes what was noted since; called by the writer every ten seconds, and at the end of the process. What cannot
    be written is kept for the next time."""
    with _flush_lock:
        _add_to_totals(NumberCalls, ("account_id", "number_id", "day"), _number_calls)
        _add_to_totals(CampaignCalls, ("account_id", "campaign_id", "day", "basis", "skipped_tagged"), _campaign_calls)


def _add_to_totals(model: type[NumberCalls] | type[CampaignCalls], key: tuple[str, ...], noted: Counter) -> None:
    """Adds to the sums, in chunks. What is about a campaign or a number that is gone meanwhile is left out: nobody can
    see it."""
    table, columns = model._meta.db_table, ", ".join(key)
    subject = model._meta.get_field(key[1].removesuffix("_id")).related_model._meta.db_table
    given = [f"given.column{place}" for place in range(1, len(key) + 2)]
    if connection.vendor == "postgresql":
        given[2] = f"CAST({given[2]} AS date)"
    # In the same order everywhere, so that two processes never wait for each other in a circle.
    with _lock:
        keys = sorted(noted)
    for first in range(0, len(keys), CHUNK):
        with _lock:
            rows = [(*values, noted.pop(values)) for values in keys[first : first + CHUNK]]
        places = ", ".join([f"({', '.join(['%s'] * len(given))})"] * len(rows))
        sql = (
            f"INSERT INTO {table} ({columns}, calls) SELECT {', '.join(given)} FROM (VALUES {places}) AS given "
            f"WHERE EXISTS (SELECT 1 FROM {subject} s WHERE s.id = given.column2) "
            f"ON CONFLICT ({', '.join(key[1:])}) DO UPDATE SET calls = {table}.calls + excluded.calls"
        )
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql, [value for row in rows for value in row])
        except Exception:
            with _lock:
                for *values, calls in rows:
                    noted[tuple(values)] += calls
            raise


def _start_flusher() -> None:
    """Starts this process's writer: not at import, since a web server forks after that."""
    global _flusher
    with _lock:
        if _flusher is None or _flusher[0] != os.getpid():
            thread = threading.Thread(target=_run_flusher, name="recording", daemon=True)
            _flusher = (os.getpid(), thread)
            thread.start()
            atexit.register(_flush_at_exit, os.getpid())


def _run_flusher() -> None:
    while True:
        time.sleep(FLUSH_SECONDS)
        _flush_safely()


def _flush_at_exit(pid: int) -> None:
    if pid == os.getpid():
        _flush_safely()
        connections.close_all()


def _reset_after_fork() -> None:
    """In a process that was forked: what its parent noted is the parent's to write, and a lock that one of the parent's
    threads held at that moment would never be released here."""
    global _lock, _flush_lock
    _lock, _flush_lock = threading.Lock(), threading.Lock()
    _number_calls.clear()
    _campaign_calls.clear()


os.register_at_fork(after_in_child=_reset_after_fork)


def _flush_safely() -> None:
    try:
        flush()
    except Exception:
        logger.exception("What was decided in the last seconds could not be recorded")
        connection.close()
