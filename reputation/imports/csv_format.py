"""Detect the format of an uploaded CSV file: its encoding, its delimiter, and the meaning of its headings.

Works with bounded memory: a file is never loaded as a whole.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from portal.phone.numbers import InvalidPhoneNumber, parse_number
from portal.files.records import Record, UnreadableFile, read_records

READ_BYTES = 64 * 1024
# Records searched for a phone number if there are no headings.
SAMPLE_RECORDS = 50
DELIMITERS = (",", ";", "\t")

# Headings in lower case, letters and digits only. If several match a column, the first one in this list wins.
HEADING_ALIASES: dict[str, tuple[str, ...]] = {
    "number": (
        "e164",
        "e164number",
        "phonenumbere164",
        "number",
        "phonenumber",
        "phonenumbers",
        "phone",
        "phoneno",
        "telephonenumber",
        "telephone",
        "tel",
        "tn",
        "did",
        "didnumber",
        "dids",
        "ddi",
        "callerid",
        "calleridnumber",
        "outboundcallerid",
        "outboundnumber",
        "cid",
        "ani",
        "cli",
        "msisdn",
        "linenumber",
        "line",
    ),
    "label": ("label", "friendlyname", "displayname", "name", "description", "alias", "nickname"),
    "source": ("source", "numbersource", "numbertype", "type", "origin", "carriertype"),
    "campaign": ("campaign", "campaignname", "dialercampaign", "outboundcampaign"),
}

# The first bytes of files that are not CSV.
FILE_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_CONTROL_BYTES = bytes({*range(32), 127} - {9, 10, 12, 13, 26})


@dataclass(frozen=True)
class CSVFormat:
    """How to read a file.

    `headings` is empty for a single column without a heading. `columns` maps the keys of HEADING_ALIASES to column
    indexes (from 0). The data start behind `header_lines` lines, at `data_offset` bytes.
    """

    delimiter: str
    headings: list[str]
    columns: dict[str, int]
    header_lines: int
    data_offset: int


def convert_to_utf8(upload: BinaryIO, out: BinaryIO) -> None:
    """Copy the upload to `out` as UTF-8 without a byte order mark, with \\n line ends.

    Reads UTF-8, UTF-16 with a byte order mark, and Windows-1252. Raises UnreadableFile for an empty or binary file.
    """
    decoder = codecs.getincrementaldecoder(_detect_encoding(upload))()
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    upload.seek(0)
    try:
        while chunk := upload.read(READ_BYTES):
            out.write(_reject_nul(newlines.decode(chunk)).encode())
        out.write(_reject_nul(newlines.decode(b"", final=True)).encode())
    except UnicodeError:
        raise UnreadableFile("This is not a text file. Save the sheet as CSV (UTF-8), and choose that file.") from None
    out.flush()


def _detect_encoding(upload: BinaryIO) -> str:
    upload.seek(0)
    head = upload.read(4)
    for signature, file_type in FILE_SIGNATURES.items():
        if head.startswith(signature):
            raise UnreadableFile(
                f"This is {file_type}, not CSV. Open it in your spreadsheet, and save the sheet as CSV (UTF-8)."
            )
    if not head:
        raise UnreadableFile("The file is empty. Nothing was imported.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    upload.seek(0)
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    has_controls = False
    while chunk := upload.read(READ_BYTES):
        has_controls = has_controls or len(chunk.translate(None, _CONTROL_BYTES)) < len(chunk)
        if utf8:
            try:
                utf8.decode(chunk)
            except UnicodeDecodeError:
                utf8 = None
    if utf8 and not utf8.getstate()[0]:
        return "utf-8-sig"
    if has_controls:
        raise UnreadableFile("This is not a text file. Save the sheet as CSV (UTF-8), and choose that file.")
    return "cp1252"


def _reject_nul(text: str) -> str:
    if "\x00" in text:
        raise UnicodeError
    return text


def detect_format(file: BinaryIO) -> CSVFormat:
    """Detect the format of a file that `convert_to_utf8` wrote.

    Raises UnreadableFile if there is no column of phone numbers, or no line below the headings.
    """
    delimiter, heading = _read_heading(file)
    columns = _map_columns(heading.cells)
    if "number" in columns:
        _reject_duplicate_columns(heading.cells, columns)
        file.seek(heading.end_offset)
        if next(read_records(file, delimiter), None) is None:
            raise UnreadableFile("The file has headings, but no line below them. Nothing was imported.")
        return CSVFormat(
            delimiter,
            [cell[:60] for cell in heading.cells],
            columns,
            heading.last_line,
            heading.end_offset,
        )
    filled = [cell for cell in heading.cells if cell]
    if len(filled) == 1 and _has_phone_number(file, delimiter):
        header_lines = _skip_sep_line(file)
        return CSVFormat(delimiter, [], {"number": heading.cells.index(filled[0])}, header_lines, file.tell())
    if any(_is_phone_number(cell) for cell in filled):
        raise UnreadableFile(
            "The first line holds a number already. A file with several columns needs a line with headings above it, "
            "such as: number, label, source, campaign."
        )
    found = ", ".join(f"“{cell[:40]}”" for cell in filled[:12])
    raise UnreadableFile(
        f"There is no column of phone numbers. The first line has {found}. Call the column number, phone, did or tn."
    )


def _read_heading(file: BinaryIO) -> tuple[str, Record]:
    """Return the delimiter and the first record, read with the delimiter that finds most known headings and cells."""
    candidates = []
    for delimiter in DELIMITERS:
        lines_read = _skip_sep_line(file)
        first = next(read_records(file, delimiter, lines_read=lines_read), None)
        if first is None:
            raise UnreadableFile("There is nothing in this file but empty lines. Nothing was imported.")
        candidates.append((len(_map_columns(first.cells)), len(first.cells), delimiter, first))
    *_, delimiter, first = max(candidates, key=lambda candidate: candidate[:2])
    if first.problem:
        raise UnreadableFile(f"The first line cannot be read. {first.problem}")
    return delimiter, first


def _skip_sep_line(file: BinaryIO) -> int:
    """Move to the first record, and return how many lines come before it: Excel may write `sep=;` in one."""
    file.seek(0)
    if re.fullmatch(rb'"?sep=.?"?\n', file.readline(16), re.IGNORECASE):
        return 1
    file.seek(0)
    return 0


def _map_columns(cells: list[str]) -> dict[str, int]:
    headings = [_normalize_heading(cell) for cell in cells]
    columns = {}
    for column, names in HEADING_ALIASES.items():
        if found := next((name for name in names if name in headings), None):
            columns[column] = headings.index(found)
    return columns


def _normalize_heading(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.casefold())


def _reject_duplicate_columns(cells: list[str], columns: dict[str, int]) -> None:
    headings = [_normalize_heading(cell) for cell in cells]
    for index in columns.values():
        if headings.count(headings[index]) > 1:
            raise UnreadableFile(
                f"Two columns are called “{cells[index][:40]}”. Rename one, so that it is clear which counts."
            )


def _has_phone_number(file: BinaryIO, delimiter: str) -> bool:
    _skip_sep_line(file)
    sample = islice(read_records(file, delimiter), SAMPLE_RECORDS)
    return any(_is_phone_number(cell) for record in sample for cell in record.cells)


def _is_phone_number(cell: str) -> bool:
    try:
        parse_number(cell)
    except InvalidPhoneNumber:
        return False
    return True
