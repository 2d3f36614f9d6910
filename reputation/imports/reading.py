"""Reading an import's file into staged rows, one chunk of lines in one transaction."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.db.models import F

from portal.audit import Context
from portal.db.bulk import insert_rows
from portal.jobs.claims import LeaseLost
from portal.jobs.runner import pause
from portal.phone.numbers import US_REGIONS
from reputation.imports import progress
from portal.files.records import Record, read_records
from reputation.imports.preview import format_summary
from reputation.imports.progress import COUNT_FIELD_BY_OUTCOME, COUNT_FIELDS, Claim
from reputation.imports.staging import build_row, compare_with_existing, get_campaign_ids
from reputation.models import ImportRow, NumberImport

State = NumberImport.State
Outcome = ImportRow.Outcome


def read_file(batch: NumberImport, claim: Claim, *, until: float, now: datetime) -> bool:
    """Read until the file ends, or until this time of the monotonic clock. True while there is more to read."""
    if batch.state == State.RECEIVED:
        if not claim.update(state=State.READING):
            raise LeaseLost
        batch.state = State.READING
    campaigns = get_campaign_ids(batch.account_id)
    with batch.file.open("rb") as file:
        file.seek(batch.byte_offset)
        records = read_records(file, batch.delimiter, lines_read=batch.lines_read)
        while chunk := list(islice(records, progress.CHUNK)):
            _stage_chunk(batch, claim, chunk, campaigns)
            if time.monotonic() > until:
                return True
            pause()
    _finish_reading(batch, claim, now=now)
    return False


def _stage_chunk(batch: NumberImport, claim: Claim, chunk: list[Record], campaigns: dict[str, int]) -> None:
    """Store, for each line of a chunk, what will be done."""
    rows = [build_row(record, batch, campaigns) for record in chunk]
    compare_with_existing(batch, rows)
    last = chunk[-1]
    found = Counter(row["outcome"] for row in rows)
    non_us = sum(row["outcome"] == Outcome.NEW and row["region"] not in US_REGIONS for row in rows)
    with transaction.atomic():
        is_held = claim.renew(
            lines_read=last.last_line,
            byte_offset=last.end_offset,
            attempts=0,
            non_us=F("non_us") + non_us,
            **{field: F(field) + found[outcome] for outcome, field in COUNT_FIELD_BY_OUTCOME.items()},
        )
        if not is_held:
            raise LeaseLost
        insert_rows(ImportRow, rows)
    batch.lines_read, batch.byte_offset = last.last_line, last.end_offset


def _finish_reading(batch: NumberImport, claim: Claim, *, now: datetime) -> None:
    """Make the preview available. An import that would change nothing is done."""
    batch.refresh_from_db(fields=COUNT_FIELDS)
    state = State.READY if batch.total_count else State.DONE
    with transaction.atomic():
        if not claim.release(state=state, ready_at=now, ended_at=None if batch.total_count else now):
            raise LeaseLost
        progress.record_event(batch, f"import.{state}", context=Context.system(now), after=format_summary(batch))
    progress.delete_file(batch)
