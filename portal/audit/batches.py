"""Batches of the audit trail: the events that one statement records in one account, with a hash of them.

A batch is written with its events. It is linked after the commit, in a task at its end (`portal/audit/chain.py`), so
that no transaction waits for another one's events.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii as _quote
from threading import Lock
from typing import Final, NamedTuple

from django.db import transaction

from portal.audit.chain import link_batches, of_accounts
from portal.db.bulk import insert_rows
from portal.db.in_list import in_list
from portal.jobs.task_run import call_at_end
from portal.models import AuditBatch, AuditEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_number_lock = Lock()
_last_moment = [0]


class Origin(NamedTuple):
    """What all events of a batch have in common: when, who, from where and what."""

    at: datetime
    actor_id: int | None
    identity_digest: str | None
    via: str
    api_key_id: int | None
    code: str
    subject_type: str


# What is particular to an event of a batch: the values of CHANGE_COLUMNS, and the digest of its personal text or None.
Change = tuple[int, int | None, int, str, str, str, str, str | None]
CHANGE_COLUMNS = ("id", "account_id", "subject_id", "subject_label", "before", "after", "reason")
_ACCOUNT: Final = 1  # the place of the account in a Change
ORIGIN_COLUMNS = ("at", "actor_id", "identity__digest", "via", "api_key_id", "code", "subject_type")


class EventDigest:
    """The hash of events that are added in the order of their ids: of each, a line with what it says as a JSON list."""

    def __init__(self) -> None:
        self.count = self.first_id = self.last_id = 0
        self._hash = hashlib.sha256()
        self._origin: Origin | None = None
        self._encoded_origin = ""

    def add(self, origin: Origin, change: Change) -> None:
        """Writes the JSON by hand: a call of the encoder takes four times as long as the rest."""
        pk, account_id, subject_id, label, before, after, reason, personal_digest = change
        self.first_id = self.first_id or pk
        self.last_id = pk
        self.count += 1
        if origin is not self._origin and origin != self._origin:
            self._origin = origin
            self._encoded_origin = json.dumps([to_microseconds(origin.at), *origin[1:]], separators=(",", ":"))[:-1]
        account = "null" if account_id is None else account_id
        texts = f"{_quote(label)},{_quote(before)},{_quote(after)},{_quote(reason)}"
        # Events without a personal text, and of releases without them, lack its digest.
        end = "" if personal_digest is None else f",{_quote(personal_digest)}"
        self._hash.update(f"{self._encoded_origin},{pk},{account},{subject_id},{texts}{end}]\n".encode())

    @property
    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def to_microseconds(at: datetime) -> int:
    """Microseconds since 1970: the same number whatever the time zone, and however a database stores it."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def create_number() -> int:
    """A new number for the batches of a statement: microseconds since 1970, and ten random bits.

    Two numbers of this process always differ, even if the clock stands still or is set back.
    """
    with _number_lock:
        _last_moment[0] = max(time.time_ns() // 1000, _last_moment[0] + 1)
        return _last_moment[0] << 10 | secrets.randbits(10)


def store_batches(number: int, origin: Origin, changes: Iterable[Change], *, now: datetime) -> None:
    """Write the batches of the events that the statement with this number has inserted, in their order. One query.

    A statement may record in several accounts. Each of them gets a batch with this number.
    """
    digests: defaultdict[int | None, EventDigest] = defaultdict(EventDigest)
    for change in changes:
        digests[change[_ACCOUNT]].add(origin, change)
    rows = [
        {
            "account_id": account_id,
            "number": number,
            "at": now,
            "event_count": digest.count,
            "first_event_id": digest.first_id,
            "last_event_id": digest.last_id,
            "content_hash": digest.hexdigest,
        }
        for account_id, digest in digests.items()
    ]
    insert_rows(AuditBatch, rows)
    accounts = list(digests)
    transaction.on_commit(lambda: call_at_end(link_batches, accounts))


def read_digests(account_id: int | None, batches: Iterable[AuditBatch]) -> defaultdict[int, EventDigest]:
    """The hashes of the events of these batches of an account as they are now, by the number of the batch. One query.

    A batch that has lost all events has the hash of none.
    """
    digests: defaultdict[int, EventDigest] = defaultdict(EventDigest)
    numbers = in_list([batch.number for batch in batches])
    events = AuditEvent.objects.filter(of_accounts([account_id]), batch__in=numbers).order_by("batch", "pk")
    size = len(ORIGIN_COLUMNS)
    rows = events.values_list("batch", *ORIGIN_COLUMNS, *CHANGE_COLUMNS, "personal_text__digest")
    for number, *values in rows.iterator(chunk_size=2_000):
        digests[number].add(Origin(*values[:size]), tuple(values[size:]))
    return digests
