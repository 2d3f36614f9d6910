"""The audit trail of an account as rows for a file, oldest first, read in chunks: a million need no more memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from portal.audit.filters import AuditFilter
from portal.audit.labels import describe_event
from portal.models import Account, AuditEvent

CHUNK = 2_000
COLUMNS = (
    "id",
    "at",
    "code",
    "event",
    "object type",
    "object id",
    "object",
    "before",
    "after",
    "reason",
    "actor",
    "e-mail",
    "via",
    "batch",
)


def iter_csv_rows(account: Account, chosen: AuditFilter) -> Iterator[tuple[Any, ...]]:
    yield COLUMNS
    yield from _iter_rows(account, chosen)


def iter_json_lines(account: Account, chosen: AuditFilter) -> Iterator[str]:
    """A JSON object for each event, with the names of the columns, where blanks and hyphens are underscores."""
    keys = [column.replace(" ", "_").replace("-", "_") for column in COLUMNS]
    for row in _iter_rows(account, chosen):
        yield json.dumps(dict(zip(keys, row, strict=True)), ensure_ascii=False) + "\n"


def _iter_rows(account: Account, chosen: AuditFilter) -> Iterator[tuple[Any, ...]]:
    """An open cursor would keep SQLite from checkpointing its write-ahead log while a slow client reads.

    Ends with the newest event of the beginning, however long the reader takes.
    """
    events = chosen.apply(AuditEvent.objects.for_account(account).with_actors())
    newest = AuditEvent.objects.for_account(account).order_by("-pk").values_list("pk", flat=True).first() or 0
    last = 0
    while chunk := list(events.filter(pk__gt=last, pk__lte=newest).order_by("pk")[:CHUNK]):
        yield from map(_build_row, chunk)
        last = chunk[-1].pk


def _build_row(event: AuditEvent) -> tuple[Any, ...]:
    description = describe_event(event)
    return (
        event.pk,
        event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        event.code,
        description.text,
        event.subject_type,
        event.subject_id,
        *event.texts,
        description.actor,
        description.email,
        event.via,
        event.batch or "",
    )
