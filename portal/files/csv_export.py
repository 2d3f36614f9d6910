"""Write CSV files whose cells no spreadsheet runs as formulas, whatever separates the cells on its computer."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

# Excel splits lines at semicolons where the comma is for decimals, and does not heed quotation marks inside a line.
# There a cell ends at each semicolon, tab and line break of our cell, and the next one may begin with a formula.
# These are the places: blanks and quotation marks may come first, and apostrophes of an earlier escape.
# The characters are those with which spreadsheets start a formula (OWASP, CSV injection), full-width ones included.
_FORMULA = re.compile(r"(?<![^;\t\r\n])([ \"]*)('*(?=[=+\-@＝＋－＠]))")
_ESCAPED_FORMULA = re.compile(r"(?<![^;\t\r\n])([ \"]*)'('*(?=[=+\-@＝＋－＠]))")
_CONTROL = re.compile(r"'*[\t\r\n]")
# A number in E.164 is a harmless formula, and other programs need it unchanged.
_E164 = re.compile(r"\+\d+")


class Echo:
    """A file for csv.writer whose write method returns the line."""

    def write(self, line: str) -> str:
        return line


def escape_formula(cell: str) -> str:
    """Put an apostrophe before each part of the cell that a spreadsheet would run as a formula.

    The import removes one apostrophe. So a part with apostrophes before a formula gets another one, too.
    """
    if _E164.fullmatch(cell):
        return cell
    escaped = _FORMULA.sub(r"\1'\2", cell)
    return f"'{escaped}" if _CONTROL.match(cell) else escaped


def unescape_formula(cell: str) -> str:
    """Reverse `escape_formula`."""
    if "'" not in cell:  # as nearly all cells of an import
        return cell
    if cell.startswith("'") and _CONTROL.match(cell):
        cell = cell[1:]
    return _ESCAPED_FORMULA.sub(r"\1\2", cell)


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The rows as lines of a CSV file. The first starts with a byte order mark, which Excel needs to read UTF-8."""
    writer = csv.writer(Echo())
    prefix = "\ufeff"
    for row in rows:
        yield prefix + writer.writerow([escape_formula(str(cell)) for cell in row])
        prefix = ""
