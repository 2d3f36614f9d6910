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

EVERY_SECONDS = 10.0
# Rows in one statement and one transaction.
CHUNK = 1_000

_lock = threading.Lock()
# One writes at a time: the end of a process may come while its writer is at it.
_writing = threading.Lock()
_of_numbers: Counter[tuple[int, int, date]] = Counter()
_of_campaigns: Counter[tuple[int, int, date, str, bool]] = Counter()
_writer: tuple[int, threading.Thread] | None = None


def record(
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
        _of_campaigns[account_id, campaign_id, day, basis, skipped_tagged] += weight
        if number_id is not None and not is_counted:
            _of_numbers[account_id, number_id, day] += weight
    if _writer is None or _writer[0] != os.getpid():
        _begin_to_write()


def write() -> None:
    """Writes what was noted since; called by the writer every ten seconds, and at the end of the process. What cannot
    be written is kept for the next time."""
    with _writing:
        _add(NumberCalls, ("account_id", "number_id", "day"), _of_numbers)
        _add(CampaignCalls, ("account_id", "campaign_id", "day", "basis", "skipped_tagged"), _of_campaigns)


def _add(model: type[NumberCalls] | type[CampaignCalls], key: tuple[str, ...], noted: Counter) -> None:
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


def _begin_to_write() -> None:
    """Starts this process's writer: not at import, since a web server forks after that."""
    global _writer
    with _lock:
        if _writer is None or _writer[0] != os.getpid():
            thread = threading.Thread(target=_write_on, name="recording", daemon=True)
            _writer = (os.getpid(), thread)
            thread.start()
            atexit.register(_write_at_end, os.getpid())


def _write_on() -> None:
    while True:
        time.sleep(EVERY_SECONDS)
        _write_safely()


def _write_at_end(pid: int) -> None:
    if pid == os.getpid():
        _write_safely()
        connections.close_all()


def _begin_anew() -> None:
    """In a process that was forked: what its parent noted is the parent's to write, and a lock that one of the parent's
    threads held at that moment would never be released here."""
    global _lock, _writing
    _lock, _writing = threading.Lock(), threading.Lock()
    _of_numbers.clear()
    _of_campaigns.clear()


os.register_at_fork(after_in_child=_begin_anew)


def _write_safely() -> None:
    try:
        write()
    except Exception:
        logger.exception("What was decided in the last seconds could not be recorded")
        connection.close()
