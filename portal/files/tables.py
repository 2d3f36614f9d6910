"""Find the table in a text file: its delimiter, its headings below any title rows, and where its rows begin.

What a heading and an entry look like is the caller's business: see TableRules.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast

from portal.files.encodings import convert_to_utf8, guess_encoding
from portal.files.records import BinaryFile, Record, UnreadableFile, read_records

DELIMITERS = (",", ";", "\t", "|")
# Records that are looked at, and those among them that may be titles above the headings.
SAMPLE_RECORDS = 60
MAX_TITLE_RECORDS = 30


@dataclass(frozen=True)
class TableRules:
    """`rate_headings` says how well cells serve as headings: 0 if they are none. `is_entry` recognises a cell that
    only rows have, such as a phone number, and never headings or titles."""

    rate_headings: Callable[[list[str]], int]
    is_entry: Callable[[str], bool]


@dataclass(frozen=True)
class Table:
    """How to read the rows of a file. `headings` is empty if there are none.

    The rows start behind `header_lines` lines, at `data_offset` bytes. `width` is the number of columns, `sample` has
    the first records.
    """

    delimiter: str
    headings: list[str]
    width: int
    header_lines: int
    data_offset: int
    sample: list[Record]

    def read(self, file: BinaryFile) -> Iterator[Record]:
        """Yield the rows of the file that the table was found in."""
        file.seek(self.data_offset)
        return read_records(file, self.delimiter, lines_read=self.header_lines)


def find_table(file: BinaryFile, rules: TableRules) -> Table:
    """Find the table of a file in UTF-8. Raises UnreadableFile if the file has nothing but empty lines."""
    start_lines, start_offset = _skip_sep_line(file)
    candidates = []
    for delimiter in DELIMITERS:
        file.seek(start_offset)
        sample = list(islice(read_records(file, delimiter, lines_read=start_lines), SAMPLE_RECORDS))
        candidates.append((_rate_delimiter(sample, rules), delimiter, sample))
    _, delimiter, sample = max(candidates, key=lambda candidate: candidate[0])
    if not sample:
        raise UnreadableFile("There is nothing in this file but empty lines. Nothing was imported.")
    heading = find_headings(sample, rules)
    if heading is None:
        width = max(len(record.cells) for record in sample)
        return Table(delimiter, [], width, start_lines, start_offset, sample)
    record = sample[heading]
    return Table(delimiter, record.cells, len(record.cells), record.last_line, record.end_offset, sample[heading + 1 :])


def _skip_sep_line(file: BinaryFile) -> tuple[int, int]:
    """Return the line and the offset at which the records start: Excel may write `sep=;` in the first line."""
    file.seek(0)
    if re.fullmatch(rb'"?sep=.?"?\n', file.readline(16), re.IGNORECASE):
        return 1, file.tell()
    return 0, 0


def _rate_delimiter(sample: list[Record], rules: TableRules) -> tuple[int, int, int, int]:
    """How well the sample looks: known headings, rows with an entry, rows of the same width, and that width."""
    titles = [record for record in sample[:MAX_TITLE_RECORDS] if not record.problem]
    headings = max((rules.rate_headings(record.cells) for record in titles), default=0)
    entries = sum(any(map(rules.is_entry, record.cells)) for record in sample)
    widths = Counter(len(record.cells) for record in sample if len(record.cells) > 1)
    width, rows = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
    return headings, entries, rows, width


def find_headings(sample: list[Record], rules: TableRules) -> int | None:
    """Return which record of the sample holds the headings; None if there are none.

    That is the record that looks most like headings. Otherwise the one above the first row with an entry, if it has
    words where the entries are: a number with a digit too few is no heading.
    """
    rows = [not record.problem and not any(map(rules.is_entry, record.cells)) for record in sample[:MAX_TITLE_RECORDS]]
    ratings = [
        (rules.rate_headings(record.cells) if is_title else 0, sum(map(bool, record.cells)))
        for record, is_title in zip(sample, rows, strict=False)
    ]
    best = max(range(len(ratings)), key=lambda index: (ratings[index], -index), default=None)
    if best is not None and ratings[best][0]:
        return best
    first = next((index for index, is_title in enumerate(rows) if not is_title), None)
    if not first:
        return None
    above, row = sample[first - 1], sample[first]
    columns = [index for index, cell in enumerate(row.cells) if rules.is_entry(cell)]
    words = [above.cells[index] for index in columns if index < len(above.cells)]
    has_words = any(word and not re.search(r"\d", word) for word in words)
    return first - 1 if has_words and not above.problem else None


@contextmanager
def open_table(file: BinaryIO, rules: TableRules, *, encoding: str = "") -> Iterator[tuple[Table, Iterator[Record]]]:
    """Read a text file in any encoding and with any delimiter: its table, and an iterator over its rows.

        with open_table(file, rules) as (table, rows):
            for row in rows:
                row.first_line, row.cells, row.problem, row.harmed_columns

    Guesses the encoding by the whole file if none is given. Works on a temporary copy in UTF-8. Raises UnreadableFile.
    """
    with tempfile.TemporaryFile() as copy:
        convert_to_utf8(file, cast(BinaryIO, copy), encoding or guess_encoding(file))
        table = find_table(cast(BinaryFile, copy), rules)
        yield table, table.read(cast(BinaryFile, copy))
