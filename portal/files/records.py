"""Read the records of a CSV file one by one, with bounded memory, even if lines or quotation marks never end."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MAX_LINE_BYTES = 100_000
# Lines of one record with quotation marks. One that is never closed must not swallow the rest of the file.
MAX_RECORD_LINES = 20
# Replaces what could not be decoded. See encodings.convert_to_utf8.
REPLACEMENT = "\ufffd"
_PADDING = " \t\n\r\f\x1a\xa0\ufeff"


class UnreadableFile(ValueError):
    """The file cannot be read; the message tells a person why, and what to do."""


class BinaryFile(Protocol):
    """The methods of binary files that Django's File has, too."""

    def readline(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


@dataclass(frozen=True)
class Record:
    """One record: its cells or a problem, its first and last line (from 1), and the byte offset behind it.

    A cell with REPLACEMENT in it was harmed: its bytes do not belong to the encoding of the file.
    """

    first_line: int
    cells: list[str]
    problem: str
    last_line: int
    end_offset: int

    @property
    def harmed_columns(self) -> list[int]:
        """The indexes of the cells that hold bytes which could not be decoded."""
        return [index for index, cell in enumerate(self.cells) if REPLACEMENT in cell]


def read_records(file: BinaryFile, delimiter: str, *, lines_read: int = 0) -> Iterator[Record]:
    """Yield the records of a UTF-8 file from its current position, which is behind `lines_read` lines.

    Skips empty records. A line over MAX_LINE_BYTES, and a quotation mark that is never closed, give a record with a
    problem. The records behind it are not affected.
    """
    line = lines_read
    while raw := file.readline(MAX_LINE_BYTES + 1):
        line += 1
        first_line, problem, cells = line, "", []
        if len(raw) > MAX_LINE_BYTES:
            cells = [raw[:200].decode(errors="ignore")]
            while not raw.endswith(b"\n") and (raw := file.readline(MAX_LINE_BYTES)):
                pass
            problem = f"This line is longer than {MAX_LINE_BYTES:,} characters."
        elif raw == b"\n":
            continue
        elif b'"' in raw:
            cells, problem, extra_lines = _read_quoted_record(raw.decode(), file, delimiter)
            line += extra_lines
        else:
            cells = raw.decode().split(delimiter)
        cells = [cell.strip(_PADDING) for cell in cells]
        if problem or any(cells):
            yield Record(first_line, cells, problem, line, file.tell())


def _read_quoted_record(text: str, file: BinaryFile, delimiter: str) -> tuple[list[str], str, int]:
    """Return the cells of a record with quotation marks, its problem, and how many further lines it took."""
    after_first, lines = file.tell(), [text]
    while True:
        cells, is_open = _parse_lines(lines, delimiter)
        if cells:
            return cells, "", len(lines) - 1
        raw = file.readline(MAX_LINE_BYTES + 1) if is_open and len(lines) < MAX_RECORD_LINES else b""
        if not raw or len(raw) > MAX_LINE_BYTES:
            break
        lines.append(raw.decode())
    file.seek(after_first)
    # A mark that is open at the end of the first line swallowed the lines behind it, until one of them made no sense.
    if len(lines) > 1 or is_open:
        return [text], "A quotation mark is opened here and not closed.", 0
    return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True)), "", 0


def _parse_lines(lines: list[str], delimiter: str) -> tuple[list[str], bool]:
    """Return the cells of one record; or none, and whether a quotation mark is still open."""
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)), False
    except csv.Error as error:
        return [], "unexpected end" in str(error)
