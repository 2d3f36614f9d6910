"""Reading an import's file into staged rows, one chunk of lines in one transaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from portal.audit import Context
from portal.db.bulk import insert_rows
from portal.db.in_list import in_list
from portal.files.records import Record, UnreadableFile, read_records
from portal.jobs.claims import LeaseLost
from portal.jobs.runner import pause
from portal.phone.numbers import US_REGIONS
from reputation.imports import progress
from reputation.imports.preparation import prepare
from reputation.imports.preview import format_summary
from reputation.imports.progress import COUNT_FIELD_BY_OUTCOME, COUNT_FIELDS, Claim
from reputation.imports.staging import build_rows, compare_with_existing, get_campaign_ids
from reputation.models import ImportRow, NumberImport

State = NumberImport.State
Outcome = ImportRow.Outcome
Rows = list[dict[str, Any]]

# Numbers that the ranges and lists of one file may stand for.
MAX_FROM_RANGES = 100_000


def read_file(batch: NumberImport, claim: Claim, *, until: float, now: datetime) -> bool:
    """Read until the file ends, or until this time of the monotonic clock. True while there is more to read."""
    if batch.state == State.RECEIVED:
        _delete_rows(batch, claim)
        try:
            prepare(batch, claim)
        except UnreadableFile as error:
            if not _is_choice(batch):
                raise
            _finish_without_rows(batch, claim, str(error), now=now)
            return False
        if not claim.update(state=State.READING):
            raise LeaseLost
        batch.state = State.READING
    campaigns = get_campaign_ids(batch.account_id)
    with batch.table_file.open("rb") as file:
        file.seek(batch.byte_offset)
        records = read_records(file, batch.delimiter, lines_read=batch.lines_read)
        for chunk, last in _build_chunks(records, batch, campaigns):
            _stage_chunk(batch, claim, chunk, last)
            if time.monotonic() > until:
                return True
            pause()
    _finish_reading(batch, claim, now=now)
    return False


def _delete_rows(batch: NumberImport, claim: Claim) -> None:
    """Delete the rows that were staged before a person chose to read the file otherwise."""
    while ids := list(batch.rows.values_list("pk", flat=True)[: progress.CHUNK]):
        with transaction.atomic():
            if not claim.renew():
                raise LeaseLost
            ImportRow.objects.filter(pk__in=in_list(ids)).delete()


def _build_chunks(
    records: Iterator[Record], batch: NumberImport, campaigns: dict[str, int]
) -> Iterator[tuple[Rows, Record]]:
    """Yield rows in chunks, each with the last record that it holds. A record may stand for many numbers."""
    rows: Rows = []
    from_ranges = batch.from_ranges
    for record in records:
        numbers = build_rows(record, batch, campaigns)
        if len(numbers) > 1:
            from_ranges += len(numbers)
            if from_ranges > MAX_FROM_RANGES:
                numbers = [_refuse(numbers[0])]
        rows += numbers
        if len(rows) >= progress.CHUNK:
            yield rows, record
            rows = []
    if rows:
        yield rows, record


def _refuse(row: dict[str, Any]) -> dict[str, Any]:
    reason = f"The ranges of this file stand for more than {MAX_FROM_RANGES:,} numbers. Import them in parts."
    return row | {"part": 0, "e164": None, "outcome": Outcome.REFUSED, "reason": reason}


def _stage_chunk(batch: NumberImport, claim: Claim, rows: Rows, last: Record) -> None:
    """Store, for each number of a chunk, what will be done."""
    compare_with_existing(batch, rows)
    found = Counter(row["outcome"] for row in rows)
    counts = {field: found[outcome] for outcome, field in COUNT_FIELD_BY_OUTCOME.items()} | {
        "non_us": sum(row["outcome"] == Outcome.NEW and row["region"] not in US_REGIONS for row in rows),
        "from_ranges": sum(row["part"] > 0 for row in rows),
        "harmed": sum(bool(row["note"]) for row in rows),
    }
    with transaction.atomic():
        is_held = claim.renew(
            lines_read=last.last_line,
            byte_offset=last.end_offset,
            attempts=0,
            **{field: F(field) + count for field, count in counts.items()},
        )
        if not is_held:
            raise LeaseLost
        insert_rows(ImportRow, rows)
    batch.lines_read, batch.byte_offset = last.last_line, last.end_offset
    batch.from_ranges += counts["from_ranges"]


def _finish_reading(batch: NumberImport, claim: Claim, *, now: datetime) -> None:
    """Make the preview available. An import that would change nothing is done.

    If no line could be imported, it waits for another choice of columns.
    """
    batch.refresh_from_db(fields=COUNT_FIELDS)
    is_done = not batch.total_count and batch.unchanged
    state = State.DONE if is_done else State.READY
    with transaction.atomic():
        if not claim.release(state=state, reason="", ready_at=now, ended_at=now if is_done else None):
            raise LeaseLost
        progress.record_event(batch, f"import.{state}", context=Context.system(now), after=format_summary(batch))
    if is_done:
        progress.delete_files(batch)


def _is_choice(batch: NumberImport) -> bool:
    """Whether the file was read before, and a person chose to read it otherwise."""
    return batch.ready_at is not None


def _finish_without_rows(batch: NumberImport, claim: Claim, reason: str, *, now: datetime) -> None:
    """Show why the file cannot be read as chosen, so that the person can choose again."""
    nothing = {"columns": {}, "requested_columns": {}, "headings": [], "sample": [], "width": 0}
    if not claim.release(state=State.READY, reason=reason[:300], ready_at=now, **nothing):
        raise LeaseLost
