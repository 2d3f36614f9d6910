"""CSV import: a file is received, read into staged rows, shown, confirmed, and applied; each step in chunks.

Every chunk commits with how far it came, and only for the one who holds the lease: a killed worker's successor goes on
where it stopped, and two at once do nothing twice. What somebody else changed between the preview and its confirmation
is left alone, and the result says so.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F, QuerySet

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_rows
from portal.db.in_list import in_list
from portal.jobs.runner import enqueue
from portal.models import Account
from portal.phone.numbers import US_REGIONS
from reputation.imports.apply import apply_rows
from reputation.imports.csv_reader import CSVRecord, convert_to_utf8, detect_format, read_records
from reputation.imports.preview import format_summary
from reputation.imports.staging import build_row, compare_with_existing, get_campaign_ids
from reputation.models import ImportRow, NumberImport
from reputation.phone_numbers import clean_label
from reputation.service_clock import days

logger = logging.getLogger(__name__)

State = NumberImport.State
Outcome = ImportRow.Outcome

# A file up to so many bytes is read, and up to so many numbers are applied, while the person waits.
MAX_SYNCHRONOUS_BYTES = 64 * 1024
MAX_SYNCHRONOUS_ROWS = 1_000
CHUNK = 4_000
LEASE = timedelta(seconds=90)
BUDGET_SECONDS = 50
PAUSE_SECONDS = 0.02
# Taken up so often without a chunk getting done, an import is given up.
MAX_ATTEMPTS = 5

# Which count of the import each outcome goes into.
COUNT_FIELD_BY_OUTCOME = {
    Outcome.NEW: "will_add",
    Outcome.BACK: "will_bring_back",
    Outcome.CHANGED: "will_change",
    Outcome.UNCHANGED: "unchanged",
    Outcome.REFUSED: "refused",
}

# All counts, without the state and the lease, which another may have changed meanwhile.
COUNT_FIELDS = (*COUNT_FIELD_BY_OUTCOME.values(), "abroad", "added", "brought_back", "changed", "left_alone")


def get_retention() -> timedelta:
    """How long an unconfirmed preview, and the refused lines of one that is done, are kept: seven days.

    A person reads it, so it is an hour at least, however short a day of the service's clock is.
    """
    return max(days(7), timedelta(hours=1))


# Receiving


def receive(*, account: Account, upload: UploadedFile, context: Context) -> NumberImport:
    """Keeps the file and looks at its beginning; a small one is read at once, a larger one by the workers.

    Raises CannotRead, with nothing kept, for what is no CSV file with a column of phone numbers.
    """
    batch = NumberImport(
        account=account,
        user=context.actor.user,
        api_key_id=context.actor.key_id,
        file_name=clean_label(upload.name or "")[:120] or "file",
        received_at=context.now,
    )
    with tempfile.TemporaryFile() as text:
        convert_to_utf8(upload.file, text)
        text.seek(0)
        shape = detect_format(text)
        batch.delimiter, batch.headings, batch.columns = shape.delimiter, shape.headings[:100], shape.columns
        batch.line, batch.position = shape.line, shape.position
        batch.size = text.seek(0, 2)
        text.seek(0)
        batch.file.save(f"{secrets.token_hex(16)}.csv", File(text), save=False)
    try:
        with transaction.atomic():
            batch.save()
            _record(batch, "import.uploaded", context=context)
            if batch.size > MAX_SYNCHRONOUS_BYTES:
                enqueue("reputation.tasks.imports.advance_import", batch.pk)
    except Exception:
        batch.file.delete(save=False)
        raise
    if batch.size <= MAX_SYNCHRONOUS_BYTES:
        advance(batch, now=context.now)
    return batch


# Going on, wherever it stopped


class _LeaseLost(Exception):
    """Another worker holds the lease by now, or somebody cancelled: what this one did of the chunk is undone."""


def advance(batch: NumberImport, *, now: datetime, budget_seconds: float = BUDGET_SECONDS) -> bool:
    """Reads or applies as much as fits into the time. True while there is more to do.

    Who comes while another is at it returns at once. Whatever goes wrong is logged and tried again by the next who
    comes, ATTEMPTS times.
    """
    token = secrets.token_hex(16)
    under_way = NumberImport.objects.under_way().filter(pk=batch.pk).exclude(lease_until__gt=now)
    if not under_way.update(lease_until=now + LEASE, lease_token=token, attempts=F("attempts") + 1):
        return False
    batch.refresh_from_db()
    until = time.monotonic() + budget_seconds
    try:
        return _apply(batch, until=until, now=now) if batch.is_applying else _read_file(batch, until=until, now=now)
    except _LeaseLost:
        return False
    except FileNotFoundError:
        fail(batch, "The uploaded file is no longer on the server. Import it again.", now=now)
        return False
    except Exception:
        logger.exception("Import %s stopped at line %s", batch.pk, batch.line)
        if batch.attempts >= MAX_ATTEMPTS:
            fail(batch, "Something went wrong on the server, several times. What was done so far stays.", now=now)
        return False
    finally:
        NumberImport.objects.filter(pk=batch.pk, lease_token=token).update(lease_until=None, lease_token="")


def get_unclaimed(now: datetime) -> QuerySet[NumberImport]:
    """Those that nobody is at: a worker was killed, or the queue lost them."""
    return NumberImport.objects.under_way().exclude(lease_until__gt=now).order_by("pk")[:50]


def _get_claimed(batch: NumberImport, **progress: Any) -> QuerySet[NumberImport]:
    """The row, if it is still ours and stands where we think it stands."""
    return NumberImport.objects.filter(pk=batch.pk, lease_token=batch.lease_token, state=batch.state, **progress)


# Reading


def _read_file(batch: NumberImport, *, until: float, now: datetime) -> bool:
    if batch.state == State.RECEIVED:
        if not _get_claimed(batch).update(state=State.READING):
            raise _LeaseLost
        batch.state = State.READING
    campaigns = get_campaign_ids(batch.account_id)
    with batch.file.open("rb") as file:
        file.seek(batch.position)
        rest = read_records(file, batch.delimiter, line=batch.line)
        while chunk := list(islice(rest, CHUNK)):
            _stage_chunk(batch, chunk, campaigns)
            if time.monotonic() > until:
                return True
            time.sleep(PAUSE_SECONDS)
    _finish_reading(batch, now=now)
    return False


def _stage_chunk(batch: NumberImport, chunk: list[CSVRecord], campaigns: dict[str, int]) -> None:
    """Keeps, for each line of a chunk, what will be done."""
    rows = [build_row(record, batch, campaigns) for record in chunk]
    compare_with_existing(batch, rows)
    last = chunk[-1]
    found = Counter(row["outcome"] for row in rows)
    abroad = sum(row["outcome"] == Outcome.NEW and row["region"] not in US_REGIONS for row in rows)
    with transaction.atomic():
        ours = _get_claimed(batch, line=batch.line).update(
            line=last.last_line,
            position=last.position,
            attempts=0,
            abroad=F("abroad") + abroad,
            **{field: F(field) + found[outcome] for outcome, field in COUNT_FIELD_BY_OUTCOME.items()},
        )
        if not ours:
            raise _LeaseLost
        insert_rows(ImportRow, rows)
    batch.line, batch.position = last.last_line, last.position


def _finish_reading(batch: NumberImport, *, now: datetime) -> None:
    """The preview is complete. A file that would change nothing is done with it."""
    batch.refresh_from_db(fields=COUNT_FIELDS)
    state = State.READY if batch.to_do else State.DONE
    with transaction.atomic():
        if not _get_claimed(batch).update(state=state, ready_at=now, ended_at=None if batch.to_do else now):
            raise _LeaseLost
        _record(batch, f"import.{state}", context=Context.system(now), after=format_summary(batch))
    _delete_file(batch)


# Confirming


def confirm(batch: NumberImport, *, context: Context) -> bool:
    """Does what the preview showed. False when it is no longer waiting: a second click, or a stale page."""
    with transaction.atomic():
        ready = NumberImport.objects.filter(pk=batch.pk, state=State.READY)
        mine = ready.update(
            state=State.APPLYING,
            confirmed_at=context.now,
            confirmed_by=context.actor.user,
            confirmed_with=context.actor.key_id,
            attempts=0,
        )
        if mine:
            _record(batch, "import.confirmed", context=context)
            if batch.to_do > MAX_SYNCHRONOUS_ROWS:
                enqueue("reputation.tasks.imports.advance_import", batch.pk)
    if mine and batch.to_do <= MAX_SYNCHRONOUS_ROWS:
        advance(batch, now=context.now)
    batch.refresh_from_db()
    return bool(mine)


def cancel(batch: NumberImport, *, context: Context) -> bool:
    """Drops an import that was not confirmed. False when it is too late for that."""
    return _finish(batch, State.CANCELLED, from_states=NumberImport.UNCONFIRMED, context=context)


def stop(batch: NumberImport, *, context: Context) -> bool:
    """Leaves the rest undone: what is imported stays, and importing the file again goes on from there. A chunk
    in the middle is finished or undone. False when it was over before, or was not confirmed yet."""
    return _finish(batch, State.STOPPED, from_states=(State.APPLYING,), context=context)


def fail(batch: NumberImport, reason: str, *, now: datetime) -> bool:
    """Ends an import that cannot be finished."""
    return _finish(batch, State.FAILED, from_states=NumberImport.UNDER_WAY, context=Context.system(now), reason=reason)


def _finish(batch: NumberImport, state: str, *, from_states: Sequence[str], context: Context, reason: str = "") -> bool:
    with transaction.atomic():
        unfinished = NumberImport.objects.filter(pk=batch.pk, state__in=from_states)
        mine = unfinished.update(state=state, ended_at=context.now, reason=reason)
        if mine:
            batch.refresh_from_db(fields=(*COUNT_FIELDS, "state"))
            after = format_summary(batch) if state == State.STOPPED else ""
            _record(batch, f"import.{state}", context=context, after=after, reason=reason)
    if mine:
        _delete_file(batch)
        batch.refresh_from_db()
    return bool(mine)


# Applying


def _apply(batch: NumberImport, *, until: float, now: datetime) -> bool:
    while _apply_chunk(batch, now=now):
        if time.monotonic() > until:
            return True
        time.sleep(PAUSE_SECONDS)
    batch.refresh_from_db(fields=COUNT_FIELDS)
    with transaction.atomic():
        if not _get_claimed(batch).update(state=State.DONE, ended_at=now):
            raise _LeaseLost
        _record(batch, "import.done", context=Context(batch.who_confirmed, now), after=format_summary(batch))
    return False


def _apply_chunk(batch: NumberImport, *, now: datetime) -> bool:
    """The next CHUNK numbers, those with nothing to do among them; False when there are no more.

    In the order of the numbers, whatever that of the file: they are then stored side by side, as they stand in the
    indexes and are shown, and whatever reads or writes many of them touches so many fewer pages of the database.
    """
    with transaction.atomic():
        # Numbers of an account are added by one at a time; see also phone_numbers.add.
        Account.objects.select_for_update().get(pk=batch.account_id)
        rest = batch.rows.filter(e164__gt=batch.applied_up_to).order_by("e164")
        numbers = list(rest.values_list("e164", flat=True)[:CHUNK])
        if not numbers:
            return False
        if not _get_claimed(batch, applied_up_to=batch.applied_up_to).update(applied_up_to=numbers[-1], attempts=0):
            raise _LeaseLost
        chunk = rest.filter(e164__lte=numbers[-1])
        written = apply_rows(
            batch, chunk, context=Context(batch.who_confirmed, now), reason=f"Import of {batch.file_name}"
        )
        NumberImport.objects.filter(pk=batch.pk).update(
            **{field: F(field) + count for field, count in asdict(written).items()}
        )
    batch.applied_up_to = numbers[-1]
    return True


# Tidying up


def clean_up(*, now: datetime) -> int:
    """One chunk: ends what nobody confirmed in time, and deletes staged rows that are kept no longer."""
    return _expire(now) or _delete_rows(now)


def _expire(now: datetime) -> int:
    stale = NumberImport.objects.filter(
        state__in=NumberImport.UNCONFIRMED, rows_kept=True, received_at__lte=now - get_retention()
    )
    return sum(
        _finish(batch, State.EXPIRED, from_states=NumberImport.UNCONFIRMED, context=Context.system(now))
        for batch in stale[:20]
    )


def _delete_rows(now: datetime) -> int:
    ended = NumberImport.objects.filter(rows_kept=True)
    batch = (
        ended.filter(state__in=(State.CANCELLED, State.EXPIRED, State.FAILED, State.STOPPED)).first()
        or ended.filter(state=State.DONE, ended_at__lte=now - get_retention()).first()
    )
    if batch is None:
        return 0
    ids = list(batch.rows.order_by("line").values_list("pk", flat=True)[:5_000])
    ImportRow.objects.filter(pk__in=in_list(ids)).delete()
    if len(ids) < 5_000:
        NumberImport.objects.filter(pk=batch.pk).update(rows_kept=False)
    return max(len(ids), 1)


def _delete_file(batch: NumberImport) -> None:
    name = NumberImport.objects.filter(pk=batch.pk).values_list("file", flat=True).first()
    if name:
        batch.file.storage.delete(name)
        NumberImport.objects.filter(pk=batch.pk).update(file="")
        batch.file = ""


def _record(batch: NumberImport, what: str, *, context: Context, after: str = "", reason: str = "") -> None:
    audit.record_event(account=batch.account, context=context, what=what, subject=batch, after=after, reason=reason)
