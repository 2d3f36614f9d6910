"""CSV files as people have them: which encoding, which separator, which heading means what, line by line.

Nothing here keeps a whole file, or a whole line of unbounded length, in memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from portal.phone.numbers import InvalidPhoneNumber, parse_number

READ_BYTES = 64 * 1024
MAX_LINE_BYTES = 10_000
# How many lines a quoted cell may go over; a quotation mark that is never closed must not swallow the file.
MAX_RECORD_LINES = 20
SAMPLE_RECORDS = 50
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}

# Headings without spaces and signs, in lower case. Where a file has several for one column, the first named here wins.
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

# What other programs' files begin with.
FILE_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a ZIP file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF file",
    b"\x1f\x8b": "a compressed file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_CONTROL_BYTES = bytes({*range(32), 127} - {9, 10, 12, 13, 26})


class UnreadableFile(ValueError):
    """The file cannot be imported at all; the message tells a person why and what to do."""


@dataclass(frozen=True)
class CSVFormat:
    """How a file is to be read: separator, headings as found (none for a bare column of numbers), in which column
    (from 0) each of HEADINGS stands, and the line and byte after which the data begin."""

    delimiter: str
    headings: list[str]
    columns: dict[str, int]
    line: int
    position: int


@dataclass(frozen=True)
class CSVRecord:
    """One record: the number of its first line, its cells or the problem with it, and the line and byte it ends at."""

    line: int
    cells: list[str]
    problem: str
    last_line: int
    position: int


def convert_to_utf8(upload: BinaryIO, out: BinaryIO) -> None:
    """Copies the upload as UTF-8 without a mark and with \\n at line ends.

    Reads UTF-8, UTF-16 with a mark, and Windows-1252. Raises CannotRead for what is empty or no text.
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
    for signature, what in FILE_SIGNATURES.items():
        if head.startswith(signature):
            raise UnreadableFile(
                f"This is {what}, not CSV. Open it in your spreadsheet, and save the sheet as CSV (UTF-8)."
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
    """Looks at the beginning of a file that `write_as_utf8` wrote. Raises CannotRead where it holds no numbers."""
    delimiter, heading = _read_heading(file)
    columns = _map_columns(heading.cells)
    if "number" in columns:
        _reject_duplicate_columns(heading.cells, columns)
        file.seek(heading.position)
        if next(read_records(file, delimiter), None) is None:
            raise UnreadableFile("The file has headings, but no line below them. Nothing was imported.")
        return CSVFormat(
            delimiter,
            [cell[:60] for cell in heading.cells],
            columns,
            heading.last_line,
            heading.position,
        )
    filled = [cell for cell in heading.cells if cell]
    if len(filled) == 1 and _has_phone_number(file, delimiter):
        line = _skip_sep_line(file)
        return CSVFormat(delimiter, [], {"number": heading.cells.index(filled[0])}, line, file.tell())
    if any(_is_phone_number(cell) for cell in filled):
        raise UnreadableFile(
            "The first line holds a number already. A file with several columns needs a line with headings above it, "
            "such as: number, label, source, campaign."
        )
    found = ", ".join(f"“{cell[:40]}”" for cell in filled[:12])
    raise UnreadableFile(
        f"There is no column of phone numbers. The first line has {found}. Call the column number, phone, did or tn."
    )


def _read_heading(file: BinaryIO) -> tuple[str, CSVRecord]:
    """The first record, read with the separator that makes most of it."""
    best: tuple[tuple[int, int], str, CSVRecord] | None = None
    for delimiter in DELIMITERS:
        line = _skip_sep_line(file)
        first = next(read_records(file, delimiter, line=line), None)
        if first is None:
            raise UnreadableFile("There is nothing in this file but empty lines. Nothing was imported.")
        rank = (len(_map_columns(first.cells)), len(first.cells))
        if best is None or rank > best[0]:
            best = (rank, delimiter, first)
    _, delimiter, first = best
    if first.problem:
        raise UnreadableFile(f"The first line cannot be read. {first.problem}")
    return delimiter, first


def _skip_sep_line(file: BinaryIO) -> int:
    """Goes to where the content begins, and returns how many lines come before: Excel may say `sep=;` in one."""
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
    for place in columns.values():
        if headings.count(headings[place]) > 1:
            raise UnreadableFile(
                f"Two columns are called “{cells[place][:40]}”. Rename one, so that it is clear which counts."
            )


def _has_phone_number(file: BinaryIO, delimiter: str) -> bool:
    _skip_sep_line(file)
    first = (record for record, _ in zip(read_records(file, delimiter), range(SAMPLE_RECORDS), strict=False))
    return any(_is_phone_number(cell) for record in first for cell in record.cells)


def _is_phone_number(cell: str) -> bool:
    try:
        parse_number(cell)
    except InvalidPhoneNumber:
        return False
    return True


def read_records(file: BinaryIO, delimiter: str, *, line: int = 0) -> Iterator[CSVRecord]:
    """The records from where the file stands, which is after `line` lines; those without anything in them left out.

    A line over LINE_LIMIT bytes, and one with a quotation mark that is never closed, comes as a problem of its own and
    does no harm to those that follow.
    """
    while raw := file.readline(MAX_LINE_BYTES + 1):
        line += 1
        first, problem, cells = line, "", []
        if len(raw) > MAX_LINE_BYTES:
            cells = [raw[:200].decode(errors="ignore")]
            while not raw.endswith(b"\n") and (raw := file.readline(MAX_LINE_BYTES)):
                pass
            problem = f"This line is longer than {MAX_LINE_BYTES:,} characters."
        elif b'"' in raw:
            cells, problem, more = _read_quoted_record(raw.decode(), file, delimiter)
            line += more
        else:
            cells = raw.decode().split(delimiter)
        cells = [cell.strip(" \t\n\r\f\x1a\xa0\ufeff") for cell in cells]
        if problem or any(cells):
            yield CSVRecord(first, cells, problem, line, file.tell())


def _read_quoted_record(text: str, file: BinaryIO, delimiter: str) -> tuple[list[str], str, int]:
    """The cells of a record with quotation marks, which may go on in the next lines, and how many of these it took."""
    after_first, lines = file.tell(), [text]
    while True:
        try:
            return next(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)), "", len(lines) - 1
        except csv.Error as error:
            is_open = "unexpected end" in str(error)
        raw = file.readline(MAX_LINE_BYTES + 1) if is_open and len(lines) < MAX_RECORD_LINES else b""
        if not raw or len(raw) > MAX_LINE_BYTES:
            break
        lines.append(raw.decode())
    file.seek(after_first)
    if is_open:
        return [text], "A quotation mark is opened here and not closed.", 0
    return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True)), "", 0
