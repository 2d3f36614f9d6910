"""Read the sheets of an Excel workbook (.xlsx), row by row.

A workbook is a ZIP archive. What it unpacks to is limited before any of it is read, and the XML is parsed without
entities (defusedxml, which openpyxl uses if it is installed).
"""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO

from portal.files.records import UnreadableFile

SIGNATURE = b"PK\x03\x04"
MAX_COLUMNS = 500
# The last row that Excel has. A file may claim others.
MAX_ROWS = 1_048_576
# Bytes after unpacking: of the whole archive, and of each part that openpyxl holds in memory.
MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
MAX_PART_BYTES = 64 * 1024 * 1024
_SHEETS = "xl/worksheets/"
_DAMAGED = "This Excel workbook is damaged, or is of another type. Open it in Excel, and save it as .xlsx or as CSV."
# What the libraries raise for a damaged archive or unexpected XML. A SyntaxError is XML that is not well-formed, and
# defusedxml's exceptions are ValueErrors.
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    ArithmeticError,
)


def is_workbook(head: bytes) -> bool:
    """Whether a file that starts with these bytes may be a workbook: it is a ZIP archive."""
    return head.startswith(SIGNATURE)


def list_sheets(file: BinaryIO) -> list[str]:
    """Return the names of the visible sheets. Raises UnreadableFile."""
    with _open_workbook(file) as workbook:
        visible = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
        return visible or [sheet.title for sheet in workbook.worksheets]


def convert_sheet(file: BinaryIO, out: BinaryIO, sheet: str) -> Generator[int, None, None]:
    """Write a sheet as CSV in UTF-8, a line for each row, so that line numbers are row numbers.

    Yields how many rows were written, now and then, so that the caller can show progress. Raises UnreadableFile.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    with _open_workbook(file) as workbook:
        worksheet = workbook[sheet]
        worksheet.reset_dimensions()  # some programs write wrong ones
        rows = worksheet.iter_rows(max_col=MAX_COLUMNS, max_row=MAX_ROWS, values_only=True)
        for number, row in enumerate(_without_empty_end(rows), start=1):
            writer.writerow(_format_row(row))
            if number % 1_000 == 0:
                _flush(text, out)
                yield number
    _flush(text, out)


def _flush(text: io.StringIO, out: BinaryIO) -> None:
    out.write(text.getvalue().encode(errors="replace"))
    text.seek(0)
    text.truncate()


def _without_empty_end(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Leave out the empty rows behind the last one with a value."""
    empty = 0
    for row in rows:
        if not any(value is not None for value in row):
            empty += 1
            continue
        for _ in range(empty):
            yield ()
        empty = 0
        yield row


def _format_row(row: tuple[Any, ...]) -> list[str]:
    cells = [_format_value(value) for value in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _format_value(value: Any) -> str:
    """As a person sees the value: a whole number without a decimal point, a date without midnight, one line."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return str(value.date())
    return str(value) if isinstance(value, int) else " ".join(str(value).replace("\x00", "\ufffd").split())


@contextmanager
def _open_workbook(file: BinaryIO) -> Iterator[Any]:
    from openpyxl import load_workbook  # here, because it takes 15 MB of every process that never opens one

    file.seek(0)
    try:
        _check_size(file)
        with warnings.catch_warnings():
            # openpyxl warns about styles and extensions that it leaves out. Only values are read here.
            warnings.simplefilter("ignore")
            workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                yield workbook
            finally:
                workbook.close()
    except UnreadableFile:
        raise
    except _ERRORS:
        raise UnreadableFile(_DAMAGED) from None


def _check_size(file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        raise UnreadableFile("This is a ZIP file, not an Excel workbook. Unpack it, and choose the file in it.")
    in_memory = (part.file_size for part in parts if not part.filename.startswith(_SHEETS))
    if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES or max(in_memory) > MAX_PART_BYTES:
        raise UnreadableFile(
            "This workbook is too large when it is unpacked. Save the sheet as CSV, and choose that file."
        )
