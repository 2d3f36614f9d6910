"""Whether what was fetched is a whole complaint file. The site may answer with a web page and status 200."""

from __future__ import annotations

import csv
from pathlib import Path

from reputation.complaint_rows import COLUMNS

BOM = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 10_000


class NotAComplaintFile(Exception):
    """It is something else. The message says what."""


class CutOff(Exception):
    """The end is missing. `lacks_line_end_only`: the last line has all its cells."""

    def __init__(self, problem: str, *, lacks_line_end_only: bool = False) -> None:
        super().__init__(problem)
        self.lacks_line_end_only = lacks_line_end_only


def check_content(path: Path) -> None:
    """Raises NotAComplaintFile or CutOff. Rows in the middle are not looked at: see reputation.complaint_files."""
    with path.open("rb") as file:
        first = file.readline(MAX_LINE_BYTES).removeprefix(BOM)
        _check_first_line(first)
        file.seek(max(path.stat().st_size - MAX_LINE_BYTES, 0))
        tail = file.read()
    if path.stat().st_size <= len(first) + len(BOM):
        raise CutOff("It is cut off: it has no rows.")
    *_, last = tail.removesuffix(b"\n").removesuffix(b"\r").rsplit(b"\n", 1)
    width, cells = len(_parse_line(first)), len(_parse_line(last))
    # With a stray quotation mark, the rest of the line is one cell. Such a row is skipped, and the file is whole.
    if max(cells, last.count(b",") + 1) < width:
        raise CutOff(f"It is cut off: its last line has {cells} of {width} cells.")
    if not tail.endswith(b"\n"):
        raise CutOff("It may be cut off: its last line has no end.", lacks_line_end_only=cells >= width)


def _check_first_line(line: bytes) -> None:
    text = line.decode(errors="replace").strip()
    if text.lstrip('"').startswith(COLUMNS[0]):
        return
    if not text:
        raise NotAComplaintFile("It is empty, or begins with an empty line.")
    if text.startswith("<"):
        raise NotAComplaintFile("The site answers with a web page instead of the file.")
    raise NotAComplaintFile(f"It is no complaint file: its first line begins with {text[:40]!r}.")


def _parse_line(line: bytes) -> list[str]:
    return next(csv.reader([line.decode(errors="replace")]), [])
