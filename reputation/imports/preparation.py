"""Preparing an import: convert its file to a table in UTF-8, and find out which column is what.

The request only inspects the first bytes. A worker converts the whole file, so that encoding, sheet and columns can be
chosen again without another upload.
"""

from __future__ import annotations

import io
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any, BinaryIO, cast

from django.core.files import File

from portal.files.encodings import convert_to_utf8, guess_encoding, reject_other_types
from portal.files.records import UnreadableFile
from portal.files.tables import Table, find_table
from portal.files.workbooks import convert_sheet, is_workbook, list_sheets
from portal.jobs.claims import LeaseLost
from reputation.imports.columns import TABLE_RULES, Columns, WrongChoice, guess_columns, resolve_columns
from reputation.imports.headings import MAX_COLUMNS, MAX_STORED_LENGTH, hash_headings
from reputation.imports.progress import Claim
from reputation.imports.staging import get_campaign_ids
from reputation.models import ColumnChoice, NumberImport

# What the request reads of a file.
INSPECTED_BYTES = 256 * 1024
SAMPLE_ROWS = 5

Origin = NumberImport.ColumnsOrigin


def inspect_upload(upload: BinaryIO, batch: NumberImport) -> None:
    """Refuse a file that is certainly no file of numbers, by its first bytes. Raises UnreadableFile.

    Of a workbook only the type is known then, because its directory is at its end.
    """
    upload.seek(0)
    head = upload.read(INSPECTED_BYTES)
    if is_workbook(head):
        return
    if not batch.encoding_is_chosen:
        reject_other_types(head)
    text = io.BytesIO()
    convert_to_utf8(io.BytesIO(head), text, batch.encoding or guess_encoding(io.BytesIO(head), max_bytes=len(head)))
    is_whole = batch.size <= len(head)
    if not is_whole:
        text.truncate(text.getvalue().rfind(b"\n") + 1)  # the last line is cut off
        if not text.getvalue().strip():
            return
    table = find_table(text, TABLE_RULES)
    if is_whole:
        _reject_table_without_rows(table)
    if batch.requested_columns:
        _resolve(batch.requested_columns, table)
    else:
        guess_columns(table, get_campaign_ids(batch.account_id))


def prepare(batch: NumberImport, claim: Claim) -> None:
    """Write the table file if there is none yet, and store how to read it. Raises UnreadableFile and LeaseLost."""
    values: dict[str, Any] = {}
    if not batch.table_file:
        values |= _write_table_file(batch, claim)
    with batch.table_file.open("rb") as file:
        table = find_table(file, TABLE_RULES)
    _reject_table_without_rows(table)
    columns, origin = _choose_columns(batch, table)
    values |= {
        "delimiter": table.delimiter,
        "headings": [heading[:MAX_STORED_LENGTH] for heading in table.headings[:MAX_COLUMNS]],
        "width": table.width,
        "header_lines": table.header_lines,
        "header_bytes": table.data_offset,
        "lines_read": table.header_lines,
        "byte_offset": table.data_offset,
        "sample": _get_sample(table),
        "columns": columns.indexes,
        "columns_origin": origin,
        "column_notes": {str(index): note for index, note in columns.notes.items() if index < MAX_COLUMNS},
        "requested_columns": {},
    }
    if not claim.renew(**values):
        if "table_file" in values:
            batch.table_file.delete(save=False)
        raise LeaseLost
    for name, value in values.items():
        setattr(batch, name, value)


def _reject_table_without_rows(table: Table) -> None:
    if not table.sample:
        raise UnreadableFile("The file has headings, but no line below them. Nothing was imported.")


def _get_sample(table: Table) -> list[list[str]]:
    rows = [record.cells for record in table.sample if not record.problem][:SAMPLE_ROWS]
    return [[cell[:MAX_STORED_LENGTH] for cell in cells[:MAX_COLUMNS]] for cells in rows]


# The table file


def _write_table_file(batch: NumberImport, claim: Claim) -> dict[str, Any]:
    """Convert the file, store the result, and return the fields that say how it was read."""
    with batch.file.open("rb") as source, tempfile.TemporaryFile() as table:
        file, out = cast(BinaryIO, source), cast(BinaryIO, table)
        if is_workbook(file.read(4)):
            values = _convert_workbook(batch, claim, file, out)
        else:
            encoding = batch.encoding if batch.encoding_is_chosen else guess_encoding(file)
            convert_to_utf8(file, out, encoding)
            values = {"encoding": encoding}
        size = out.seek(0, io.SEEK_END)
        out.seek(0)
        batch.table_file.save(f"{secrets.token_hex(16)}.table", File(out), save=False)
    return values | {"table_file": batch.table_file.name, "table_size": size}


def _convert_workbook(batch: NumberImport, claim: Claim, file: BinaryIO, out: BinaryIO) -> dict[str, Any]:
    """Convert the chosen sheet, or the first one that has a column of phone numbers."""
    sheets = list_sheets(file)
    if batch.sheet and batch.sheet not in sheets:
        raise UnreadableFile(f"There is no sheet “{batch.sheet}”. The workbook has {_join(sheets)}.")
    for sheet in [batch.sheet] if batch.sheet else sheets:
        out.seek(0)
        out.truncate()
        with closing(convert_sheet(file, out, sheet)) as rows:
            for lines in rows:
                if not claim.renew(lines_read=lines):
                    raise LeaseLost
        if batch.sheet or _has_numbers(out):
            return {"sheets": sheets, "sheet": sheet}
    raise UnreadableFile(f"There is no column of phone numbers in {_join(sheets)}. Nothing was imported.")


def _has_numbers(out: BinaryIO) -> bool:
    try:
        guess_columns(find_table(out, TABLE_RULES), {})
    except UnreadableFile:
        return False
    return True


def _join(sheets: list[str]) -> str:
    names = ", ".join(f"“{sheet}”" for sheet in sheets[:10])
    return f"the sheet{'s' if len(sheets) > 1 else ''} {names}{' and others' if len(sheets) > 10 else ''}"


# Columns


def _choose_columns(batch: NumberImport, table: Table) -> tuple[Columns, str]:
    """The columns that were requested; those chosen for the last file with these headings; or a guess."""
    if batch.requested_columns:
        requested = _resolve(batch.requested_columns, table)
        return Columns(requested, _get_notes(table, batch, requested)), Origin.CHOSEN
    if table.headings and (remembered := _find_remembered(batch, table.headings)):
        return Columns(remembered, _get_notes(table, batch, remembered)), Origin.REMEMBERED
    return guess_columns(table, get_campaign_ids(batch.account_id)), Origin.GUESSED


def _resolve(requested: Mapping[str, str], table: Table) -> dict[str, int]:
    try:
        return resolve_columns(requested, headings=table.headings, width=table.width)
    except WrongChoice as error:
        raise UnreadableFile(str(error)) from None


def _get_notes(table: Table, batch: NumberImport, columns: dict[str, int]) -> dict[int, str]:
    """The notes of the guess, for the columns that are not read."""
    try:
        guess = guess_columns(table, get_campaign_ids(batch.account_id))
    except UnreadableFile:
        return {}
    return {index: note for index, note in guess.notes.items() if index not in columns.values()}


def _find_remembered(batch: NumberImport, headings: list[str]) -> dict[str, int] | None:
    choices = ColumnChoice.objects.for_account(batch.account_id).filter(headings_hash=hash_headings(headings))
    return choices.values_list("columns", flat=True).first()


def remember_columns(batch: NumberImport, *, now: datetime) -> None:
    """Read the account's next file with the same headings with the same columns."""
    if batch.headings and batch.columns_origin == Origin.CHOSEN:
        ColumnChoice.objects.update_or_create(
            account_id=batch.account_id,
            headings_hash=hash_headings(batch.headings),
            defaults={"columns": batch.columns, "chosen_at": now},
        )
