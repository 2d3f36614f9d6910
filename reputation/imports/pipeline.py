"""An import step by step: a file is received, read into staged rows, previewed, confirmed and applied, in chunks.

Until it is confirmed, choices.choose reads the file anew with other columns, another encoding or another sheet.

Every chunk commits together with how far it came, and only for the worker that holds the claim. A killed worker's
successor continues from there, and two workers at once do nothing twice. What somebody else changed between the
preview and its confirmation is left alone, and the result says so.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from portal.audit import Context
from portal.db.outages import is_outage
from portal.files.names import check_table_name
from portal.files.records import UnreadableFile
from portal.files.workbooks import is_workbook
from portal.jobs.claims import LEASE_DURATION, RELEASED, LeaseLost, claim_row, unclaimed
from portal.jobs.runner import BUDGET_SECONDS, enqueue, pause
from portal.models import Account
from reputation.imports import progress
from reputation.imports.apply import apply_rows
from reputation.imports.preparation import inspect_upload, remember_columns
from reputation.imports.preview import format_summary
from reputation.imports.progress import COUNT_FIELDS, Claim
from reputation.imports.reading import read_file
from reputation.models import NumberImport
from reputation.phone_numbers import clean_label

logger = logging.getLogger(__name__)

State = NumberImport.State

# A file of at most so many bytes is read, and at most so many numbers are applied, while the person waits.
MAX_SYNCHRONOUS_BYTES = 64 * 1024
MAX_SYNCHRONOUS_ROWS = 1_000
LEASE = LEASE_DURATION
# How long an import rests that met a full disk or an absent database.
OUTAGE_PAUSE = timedelta(seconds=15)
# An import fails after so many workers in a row that did not finish a chunk.
MAX_ATTEMPTS = 5
ADVANCE_TASK = "reputation.tasks.imports.advance_import"

# Receiving


class TooManyImports(Exception):
    """The account has as many unconfirmed imports as it may have; the message tells a person what to do."""


def receive(
    *,
    account: Account,
    upload: UploadedFile,
    context: Context,
    columns: Mapping[str, str] | None = None,
    encoding: str = "",
    sheet: str = "",
) -> NumberImport:
    """Store the file. A small text is read at once; a larger one, and a workbook, by the workers.

    `columns` are roles by heading, or by position from 1. What is not given is guessed. Inspects only the first
    bytes. Raises TooManyImports, and UnreadableFile for what is certainly no file of phone numbers; nothing is stored
    then.
    """
    _check_unconfirmed_count(account)
    batch = NumberImport(
        account=account,
        user=context.actor.user,
        api_key_id=context.actor.api_key_id,
        file_name=clean_label(upload.name or "")[:120] or "file",
        size=upload.size or 0,
        encoding=encoding,
        encoding_is_chosen=bool(encoding),
        sheet=sheet,
        requested_columns=dict(columns or {}),
        received_at=context.now,
    )
    file = cast(BinaryIO, upload.file)
    file.seek(0)
    check_table_name(upload.name or "", file.read(4))
    inspect_upload(file, batch)
    file.seek(0)
    batch.file.save(f"{secrets.token_hex(16)}.upload", File(file), save=False)
    try:
        with transaction.atomic():
            # Uploads of an account wait for each other, so that no two of them take the last free place.
            Account.objects.select_for_update().get(pk=account.pk)
            _check_unconfirmed_count(account)
            batch.save()
            progress.record_event(batch, "import.uploaded", context=context)
            if not is_read_at_once(batch):
                enqueue(ADVANCE_TASK, batch.pk)
    except Exception:
        batch.file.delete(save=False)
        raise
    if is_read_at_once(batch):
        advance_at_once(batch, now=context.now)
    return batch


def _check_unconfirmed_count(account: Account) -> None:
    limit = settings.MAX_UNCONFIRMED_IMPORTS
    if NumberImport.objects.for_account(account).unconfirmed().count() >= limit:
        raise TooManyImports(
            f"Your account has {limit} unconfirmed import{'s' if limit > 1 else ''}, and there can be no more. "
            "Nothing was imported. Confirm or cancel one of them first."
        )


def is_read_at_once(batch: NumberImport) -> bool:
    """Whether the file is read while the person waits: a small text, but no workbook, which may unpack to a lot."""
    if batch.size > MAX_SYNCHRONOUS_BYTES:
        return False
    with batch.file.open("rb") as file:
        return not is_workbook(file.read(4))


# Continuing, wherever it stopped


def advance(batch: NumberImport, *, now: datetime, budget_seconds: float = BUDGET_SECONDS) -> bool:
    """Read or apply as much as fits into the time. True while there is more to do.

    Returns False immediately if another worker holds the import. An error is logged, and the next worker tries again,
    up to MAX_ATTEMPTS times. Raises an outage (portal.db.outages): it is not the fault of the import, which waits.
    """
    claim = claim_row(NumberImport.objects.in_progress(), batch.pk, now=now, lease=LEASE, attempts=F("attempts") + 1)
    if claim is None:
        return False
    batch.refresh_from_db()
    until = time.monotonic() + budget_seconds
    try:
        step = _apply if batch.is_applying else read_file
        return step(batch, claim, until=until, now=now)
    except LeaseLost:
        return False
    except UnreadableFile as error:
        fail(batch, str(error)[:300], now=now)
        return False
    except FileNotFoundError:
        fail(batch, "The uploaded file is no longer on the server. Import it again.", now=now)
        return False
    except Exception as error:
        if is_outage(error):
            claim.release(lease_until=timezone.now() + OUTAGE_PAUSE, attempts=Greatest(F("attempts") - 1, 0))
            raise
        logger.exception("Import %s stopped at line %s", batch.pk, batch.lines_read)
        if batch.attempts >= MAX_ATTEMPTS:
            fail(batch, "Something went wrong on the server, several times. What was done so far stays.", now=now)
        return False
    finally:
        claim.release(waiting_since=timezone.now())


def advance_at_once(batch: NumberImport, *, now: datetime) -> None:
    """Advance an import while a person waits. After an outage a worker goes on: what the person sent is stored."""
    try:
        advance(batch, now=now)
    except Exception as error:
        if not is_outage(error):
            raise
        logger.warning("Import %s waits: %s", batch.pk, error)


def get_unclaimed(now: datetime) -> QuerySet[NumberImport]:
    """Imports that no worker holds: a worker was killed, or the queue lost the task."""
    return NumberImport.objects.in_progress().filter(unclaimed(now)).order_by("pk")[:50]


# Confirming


def confirm(batch: NumberImport, *, context: Context) -> bool:
    """Do what the preview showed. False if it no longer waits for confirmation: a second click, or a stale page."""
    with transaction.atomic():
        is_confirmed = NumberImport.objects.filter(pk=batch.pk, state=State.READY).update(
            state=State.APPLYING,
            confirmed_at=context.now,
            confirmed_by=context.actor.user,
            confirmed_api_key=context.actor.api_key_id,
            attempts=0,
        )
        if is_confirmed:
            progress.record_event(batch, "import.confirmed", context=context)
            remember_columns(batch, now=context.now)
            if batch.total_count > MAX_SYNCHRONOUS_ROWS:
                enqueue(ADVANCE_TASK, batch.pk)
    if is_confirmed:
        progress.delete_files(batch)
    if is_confirmed and batch.total_count <= MAX_SYNCHRONOUS_ROWS:
        advance_at_once(batch, now=context.now)
    batch.refresh_from_db()
    return bool(is_confirmed)


def cancel(batch: NumberImport, *, context: Context) -> bool:
    """Drop an import that was not confirmed. False if it is too late for that."""
    return _finish(batch, State.CANCELLED, from_states=NumberImport.UNCONFIRMED, context=context)


def expire(batch: NumberImport, *, now: datetime) -> bool:
    """Drop an import that nobody confirmed in time. False if it is too late for that."""
    return _finish(batch, State.EXPIRED, from_states=NumberImport.UNCONFIRMED, context=Context.system(now))


def stop(batch: NumberImport, *, context: Context) -> bool:
    """Leave the rest undone. What is imported stays; importing the file again continues from there.

    A chunk in progress is finished or rolled back. False if the import has ended, or was not confirmed yet.
    """
    return _finish(batch, State.STOPPED, from_states=(State.APPLYING,), context=context)


def fail(batch: NumberImport, reason: str, *, now: datetime) -> bool:
    """End an import that cannot be finished."""
    return _finish(
        batch, State.FAILED, from_states=NumberImport.IN_PROGRESS, context=Context.system(now), reason=reason
    )


def _finish(batch: NumberImport, state: str, *, from_states: Sequence[str], context: Context, reason: str = "") -> bool:
    with transaction.atomic():
        unfinished = NumberImport.objects.filter(pk=batch.pk, state__in=from_states)
        # A worker that holds the import loses it, and writes nothing more.
        is_finished = unfinished.update(state=state, ended_at=context.now, reason=reason, **RELEASED)
        if is_finished:
            batch.refresh_from_db(fields=(*COUNT_FIELDS, "state"))
            after = format_summary(batch) if state == State.STOPPED else ""
            progress.record_event(batch, f"import.{state}", context=context, after=after, reason=reason)
    if is_finished:
        progress.delete_files(batch)
        batch.refresh_from_db()
    return bool(is_finished)


# Applying


def _apply(batch: NumberImport, claim: Claim, *, until: float, now: datetime) -> bool:
    while _apply_chunk(batch, claim, now=now):
        if time.monotonic() > until:
            return True
        pause()
    batch.refresh_from_db(fields=COUNT_FIELDS)
    with transaction.atomic():
        if not claim.release(state=State.DONE, ended_at=now):
            raise LeaseLost
        context = Context(batch.confirming_actor, now)
        progress.record_event(batch, "import.done", context=context, after=format_summary(batch))
    return False


def _apply_chunk(batch: NumberImport, claim: Claim, *, now: datetime) -> bool:
    """Apply the next CHUNK numbers, those with nothing to do included. False if there are no more.

    In the order of the numbers, not of the file: they are then stored side by side, in the order of the indexes and
    of the table, and whatever reads or writes many of them touches fewer pages of the database.
    """
    with transaction.atomic():
        # One process at a time adds numbers to an account; see also phone_numbers.add.
        Account.objects.select_for_update().get(pk=batch.account_id)
        rest = batch.rows.filter(e164__gt=batch.apply_cursor).order_by("e164")
        numbers = list(rest.values_list("e164", flat=True)[: progress.CHUNK])
        last = numbers[-1] if numbers else None
        if last is None:
            return False
        if not claim.renew(apply_cursor=last, attempts=0):
            raise LeaseLost
        chunk = rest.filter(e164__lte=last)
        result = apply_rows(
            batch, chunk, context=Context(batch.confirming_actor, now), reason=f"Import of {batch.file_name}"
        )
        NumberImport.objects.filter(pk=batch.pk).update(
            **{field: F(field) + count for field, count in asdict(result).items()}
        )
    batch.apply_cursor = last
    return True
