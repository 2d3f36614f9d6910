"""Read a list of numbers and grades: pasted text, a text file with any delimiter, or an Excel workbook."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from portal.files.encodings import reject_other_types
from portal.files.names import check_table_name
from portal.files.records import Record, UnreadableFile
from portal.files.tables import Table, open_table
from portal.files.workbooks import convert_sheet, is_workbook, list_sheets
from portal.phone.numbers import InvalidPhoneNumber
from reputation.engine_lists.grades import VERDICTS_BY_GRADE
from reputation.imports.columns import TABLE_RULES
from reputation.imports.headings import find_role, normalize_heading
from reputation.imports.number_cells import is_number, parse_cell

# Numbers of one list. It is read within one request, which ends after a minute (deploy/gunicorn.conf.py).
MAX_NUMBERS = 50_000
# Lines that could not be read and are named. The others are counted.
MAX_PROBLEMS = 100
# Parts of headings above grades, the surest first.
GRADE_HEADINGS = ("grade", "reputation", "rating")
_INSPECTED_BYTES = 256 * 1024


@dataclass(frozen=True)
class ListRow:
    """A number (E.164) with its grade, which may be empty, and its line."""

    e164: str
    grade: str
    line: int


@dataclass
class ListContent:
    """The numbers of a list, each once, and the lines that are none. Of two lines about a number the last counts.

    `problems` are the first of `problem_count`.
    """

    rows: dict[str, ListRow] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)
    problem_count: int = 0

    def add_problem(self, line: int, reason: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((line, reason))


def read_list(file: BinaryIO, *, name: str = "") -> ListContent:
    """`name` is that of the file. Raises UnreadableFile, with what is wrong and what to do."""
    file.seek(0)
    head = file.read(_INSPECTED_BYTES)
    if not head.strip():
        raise UnreadableFile("There is nothing in this list. Nothing was changed.")
    check_table_name(name, head)
    if not is_workbook(head):
        reject_other_types(head)
        return _read_text(file)
    with tempfile.TemporaryFile() as sheet:
        for _rows in convert_sheet(file, cast(BinaryIO, sheet), list_sheets(file)[0]):
            pass
        return _read_text(cast(BinaryIO, sheet), encoding="utf-8")


def read_text(text: str) -> ListContent:
    """A pasted list. Raises UnreadableFile."""
    return read_list(io.BytesIO(text.encode()))


def _read_text(file: BinaryIO, *, encoding: str = "") -> ListContent:
    file.seek(0)
    with open_table(file, TABLE_RULES, encoding=encoding) as (table, rows):
        number_column = _find_number_column(table)
        grade_column = _find_grade_column(table, number_column)
        return _collect(rows, number_column, grade_column)


def _find_number_column(table: Table) -> int:
    """The column with a heading for numbers, or the one with most numbers."""
    for place, heading in enumerate(table.headings):
        if (role := find_role(heading)) and role[0] == "number":
            return place
    counts = [sum(map(is_number, cells)) for cells in _columns(table)]
    if not counts or not max(counts):
        raise UnreadableFile("No column of this list has phone numbers. Nothing was changed.")
    return counts.index(max(counts))


def _find_grade_column(table: Table, number_column: int) -> int | None:
    """The column with a heading for grades, or one that has known grades. None if there is none."""
    headings = [normalize_heading(heading) for heading in table.headings]
    for part in GRADE_HEADINGS:
        for place, heading in enumerate(headings):
            if part in heading and place != number_column:
                return place
    known_grades = [sum(normalize_heading(cell) in VERDICTS_BY_GRADE for cell in cells) for cells in _columns(table)]
    return known_grades.index(max(known_grades)) if any(known_grades) else None


def _columns(table: Table) -> list[list[str]]:
    rows: Sequence[Record] = [record for record in table.sample if not record.problem]
    width = max((len(record.cells) for record in rows), default=0)
    return [[record.cells[place] for record in rows if place < len(record.cells)] for place in range(width)]


def _collect(rows: Iterator[Record], number_column: int, grade_column: int | None) -> ListContent:
    content = ListContent()
    for record in rows:
        cell = record.cells[number_column] if number_column < len(record.cells) else ""
        grade = ""
        if grade_column is not None and grade_column < len(record.cells):
            grade = record.cells[grade_column][:60]
        try:
            if record.problem:
                raise InvalidPhoneNumber(record.problem)
            if not cell:
                raise InvalidPhoneNumber("There is no number in this line.")
            numbers = parse_cell(cell)
        except InvalidPhoneNumber as error:
            content.add_problem(record.first_line, str(error))
            continue
        content.rows |= {number.e164: ListRow(number.e164, grade, record.first_line) for number in numbers}
        if len(content.rows) > MAX_NUMBERS:
            raise UnreadableFile(
                f"This list has more than {MAX_NUMBERS:,} numbers. Nothing was changed. Bring it in parts."
            )
    if not content.rows:
        raise UnreadableFile("No line of this list has a phone number that can be read. Nothing was changed.")
    return content
