"""Choosing again how an unconfirmed import's file is read: its columns, its encoding and its sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from portal.audit import Context
from portal.files.encodings import ENCODINGS
from portal.jobs.runner import enqueue
from reputation.imports import pipeline, progress
from reputation.imports.columns import WrongChoice, resolve_columns
from reputation.models import NumberImport

State = NumberImport.State


@dataclass(frozen=True)
class Choice:
    """What a person chose. `columns` are roles by heading, or by position from 1; None and empty keep the present."""

    columns: Mapping[str, str] | None = None
    encoding: str = ""
    sheet: str = ""


def choose(batch: NumberImport, choice: Choice, *, context: Context) -> bool:
    """Stage the file again as chosen, without another upload. False if it no longer waits for confirmation.

    Columns belong to a sheet: with another sheet they are guessed again. Raises WrongChoice, with nothing changed.
    """
    values = _get_changes(batch, choice)
    former_table = batch.table_file.name
    waiting = NumberImport.objects.filter(pk=batch.pk, state=State.READY)
    with transaction.atomic():
        is_chosen = waiting.update(
            state=State.RECEIVED,
            reason="",
            byte_offset=0,
            attempts=0,
            waiting_since=context.now,
            **dict.fromkeys(progress.READ_COUNTS, 0),
            **values,
        )
        if is_chosen:
            progress.record_event(batch, "import.chosen", context=context)
            batch.refresh_from_db()
            if not pipeline.is_read_at_once(batch):
                enqueue(pipeline.ADVANCE_TASK, batch.pk)
    if is_chosen and former_table and not batch.table_file:
        batch.file.storage.delete(former_table)
    if is_chosen and pipeline.is_read_at_once(batch):
        pipeline.advance_at_once(batch, now=context.now)
    batch.refresh_from_db()
    return bool(is_chosen)


def _get_changes(batch: NumberImport, choice: Choice) -> dict[str, Any]:
    if choice.sheet and choice.sheet != batch.sheet:
        if choice.sheet not in batch.sheets:
            raise WrongChoice(f"This file has no sheet “{choice.sheet[:100]}”.")
        return {"sheet": choice.sheet, "table_file": "", "requested_columns": {}}
    changes: dict[str, Any] = {"requested_columns": _get_requested_columns(batch, choice.columns)}
    if choice.encoding and choice.encoding != batch.encoding:
        if batch.sheets or choice.encoding not in ENCODINGS:
            raise WrongChoice(f"The encoding of this file cannot be “{choice.encoding[:20]}”.")
        changes |= {"encoding": choice.encoding, "encoding_is_chosen": True, "table_file": ""}
    return changes


def _get_requested_columns(batch: NumberImport, columns: Mapping[str, str] | None) -> dict[str, str]:
    """The columns to read, by position. Empty to guess them again: nobody chose others than the guessed ones."""
    chosen = batch.columns
    if columns is not None:
        chosen = resolve_columns(columns, headings=batch.headings, width=batch.width)
    if chosen == batch.columns and batch.columns_origin != NumberImport.ColumnsOrigin.CHOSEN:
        return {}
    return {str(index + 1): role for role, index in chosen.items()}
