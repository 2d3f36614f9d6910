"""Erase texts of a person from events that earlier releases wrote: they had names and addresses in the event itself.

The texts are part of what a batch's hash covers, so a batch that loses some no longer has that hash. It keeps it, since
its chain continues from it, and an AuditErasure has the hash of what is left. The erasures of an account are recorded
by an event of that account, which has a hash over them and is part of the chain. So `verify_audit` finds each later
change of these batches, and erasures that nobody recorded. A batch that was altered before gets no such row: erasing a
person hides no alteration.

The events are changed as the owner of the tables (`portal.db.owner`), or with SQLite's triggers removed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.db import transaction
from django.db.models import Q

from portal.audit import protection
from portal.audit.batches import read_digests
from portal.audit.personal_texts import CODES_WITH_PERSONAL_VALUES, PEOPLE
from portal.audit.record import Context, record_event
from portal.db.in_list import in_list
from portal.models import Account, AuditBatch, AuditErasure, AuditEvent, User
from portal.models.audit import ERASED_PERSON

CODE = "audit.erased"
_TEXTS = ("subject_label", "before", "after", "reason")
_CHUNK = 500


def erase_from_events(about: Q, pattern: re.Pattern[str], *, context: Context) -> int:
    """Erase a person from events that hold their texts themselves; return from how many.

    `about` finds the events, and `pattern` the person's names and addresses in their texts. An event about a person
    also loses the client address. Call it in a transaction.
    """
    found = AuditEvent.objects.filter(about)
    changed = [event for event in found.order_by("pk").iterator() if _blank(event, pattern)]
    if not changed:
        return 0
    unaltered = _find_unaltered(_find_batches(changed))
    protection.remove_triggers()
    AuditEvent.objects.bulk_update(changed, _TEXTS, batch_size=_CHUNK)
    protection.install_triggers()
    by_account: defaultdict[int | None, list[AuditErasure]] = defaultdict(list)
    for batch, content_hash in _compute_hashes(unaltered):
        row = AuditErasure(account_id=batch.account_id, batch=batch, content_hash=content_hash)
        by_account[batch.account_id].append(row)
    for account_id, rows in by_account.items():
        _store(account_id, rows, context)
    return len(changed)


def read_hashes(batches: Sequence[AuditBatch]) -> dict[int, str]:
    """The hash of what is left of each batch that has lost texts of a person, by the batch's id. One query."""
    rows = AuditErasure.objects.filter(batch__in=in_list([batch.pk for batch in batches])).order_by("pk")
    return dict(rows.values_list("batch", "content_hash"))  # the newest row of each


def find_unrecorded(account: Account | None) -> Iterator[AuditErasure]:
    """The first erasure of each event that does not have its hash. `account`: only in this one."""
    groups: defaultdict[int, list[AuditErasure]] = defaultdict(list)
    rows = AuditErasure.objects.for_account(account) if account else AuditErasure.objects.all()
    for row in rows.order_by("pk").iterator():
        groups[row.event_id].append(row)
    recorded = AuditEvent.objects.filter(pk__in=in_list(list(groups)), code=CODE)
    hashes = {(event.pk, event.account_id): event.after for event in recorded}
    for event_id, group in groups.items():
        if hashes.get((event_id, group[0].account_id)) != _compute_hash(group):
            yield group[0]


def _blank(event: AuditEvent, pattern: re.Pattern[str]) -> bool:
    """Remove the person from the texts of the event; return whether it had any."""
    before = [getattr(event, name) for name in _TEXTS]
    for name in _TEXTS:
        setattr(event, name, pattern.sub(ERASED_PERSON, getattr(event, name)))
    if event.subject_type in PEOPLE:
        event.subject_label, event.reason = ERASED_PERSON, ""
        if event.code in CODES_WITH_PERSONAL_VALUES:
            event.before = event.after = ""
    for name in _TEXTS:
        setattr(event, name, getattr(event, name)[: AuditEvent._meta.get_field(name).max_length])  # type: ignore[union-attr]
    return before != [getattr(event, name) for name in _TEXTS]


def _find_batches(events: Sequence[AuditEvent]) -> list[AuditBatch]:
    wanted = {(event.batch, event.account_id) for event in events if event.batch is not None}
    rows = AuditBatch.objects.filter(number__in=in_list(sorted({number for number, _ in wanted}))).order_by("pk")
    return [batch for batch in rows if (batch.number, batch.account_id) in wanted]


def _compute_hashes(batches: Sequence[AuditBatch]) -> Iterator[tuple[AuditBatch, str]]:
    """Each batch with the hash of its events as they are now. A query for each chunk."""
    by_account: defaultdict[int | None, list[AuditBatch]] = defaultdict(list)
    for batch in batches:
        by_account[batch.account_id].append(batch)
    for account_id, own in by_account.items():
        for start in range(0, len(own), _CHUNK):
            chunk = own[start : start + _CHUNK]
            digests = read_digests(account_id, chunk)
            yield from ((batch, digests[batch.number].hexdigest) for batch in chunk)


def _find_unaltered(batches: Sequence[AuditBatch]) -> list[AuditBatch]:
    erased = read_hashes(batches)
    return [batch for batch, found in _compute_hashes(batches) if found in (batch.content_hash, erased.get(batch.pk))]


def _store(account_id: int | None, rows: list[AuditErasure], context: Context) -> None:
    account = Account.objects.get(pk=account_id) if account_id else None
    subject = account or User(pk=0, email="")
    with transaction.atomic(savepoint=False):
        record_event(account=account, context=context, code=CODE, subject=subject, after=_compute_hash(rows))
        event = AuditEvent.objects.filter(account=account, code=CODE).latest("pk")
        for row in rows:
            row.event = event
        AuditErasure.objects.bulk_create(rows, batch_size=_CHUNK)


def _compute_hash(rows: Iterable[AuditErasure]) -> str:
    values = [[row.batch_id, row.content_hash] for row in rows]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
