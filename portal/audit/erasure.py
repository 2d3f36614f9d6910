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
from portal.audit.batches import CHANGE_COLUMNS, Change, EventDigest, Origin
from portal.audit.personal_texts import CODES_WITH_PERSONAL_VALUES, PEOPLE
from portal.audit.record import Context, record_event
from portal.db.in_list import in_list
from portal.models import Account, AuditBatch, AuditErasure, AuditEvent, User
from portal.models.audit import ERASED_PERSON

CODE = "audit.erased"
ORIGIN_COLUMNS = ("at", "actor_id", "identity__digest", "via", "api_key_id", "code", "subject_type")
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
    batches = _find_batches(changed)
    unaltered = [batch for batch in batches if _is_unaltered(batch)]
    protection.remove_triggers()
    AuditEvent.objects.bulk_update(changed, _TEXTS, batch_size=_CHUNK)
    protection.install_triggers()
    by_account: defaultdict[int | None, list[AuditErasure]] = defaultdict(list)
    for batch in unaltered:
        row = AuditErasure(account_id=batch.account_id, batch=batch, content_hash=compute_content_hash(batch))
        by_account[batch.account_id].append(row)
    for account_id, rows in by_account.items():
        _store(account_id, rows, context)
    return len(changed)


def compute_content_hash(batch: AuditBatch) -> str:
    """The hash of the batch's events as they are now."""
    digest = EventDigest()
    events = AuditEvent.objects.filter(batch=batch.number, account=batch.account_id).order_by("pk")
    for values in events.values_list(*ORIGIN_COLUMNS, *CHANGE_COLUMNS).iterator(chunk_size=2_000):
        digest.add(Origin(*values[: len(ORIGIN_COLUMNS)]), Change(*values[len(ORIGIN_COLUMNS) :]))
    return digest.hexdigest


def explains(batch: AuditBatch, content_hash: str) -> bool:
    """Whether the batch has this hash because texts of a person were erased from it."""
    if content_hash == batch.content_hash:
        return False
    newest = AuditErasure.objects.filter(batch=batch).order_by("-pk").first()
    return newest is not None and newest.content_hash == content_hash


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


def _is_unaltered(batch: AuditBatch) -> bool:
    current = compute_content_hash(batch)
    return current == batch.content_hash or explains(batch, current)


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
