"""The numbers as CSV: written while they are read, so that a million take no more memory than a hundred."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from reputation.labels import SPAM_STATUS_LABELS
from reputation.models import PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet

CHUNK = 2_000
HEADINGS = (
    "number",
    "national",
    "label",
    "source",
    "campaign",
    "capability",
    "spam status",
    "tagged since",
    "last checked",
)

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection). A number as E.164 alone is none that
# could do anything, and other programs want it as it is.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_E164 = re.compile(r"\+\d+")


class Echo:
    """A file for csv.writer that hands back what is written."""

    def write(self, line: str) -> str:
        return line


def escape_formula(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run. Importing takes one apostrophe off again, so a
    cell that began with apostrophes before such a sign gets one more, and nothing is lost on the way."""
    return f"'{cell}" if _FORMULA.match(cell) and not _E164.fullmatch(cell) else cell


def unescape_formula(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The rows as the lines of a CSV file; the first begins with a byte order mark, without which Excel does not read
    UTF-8."""
    writer = csv.writer(Echo())
    mark = "\ufeff"
    for row in rows:
        yield mark + writer.writerow([escape_formula(str(cell)) for cell in row])
        mark = ""


def stream_csv(numbers: PhoneNumberQuerySet, now: datetime) -> Iterator[str]:
    """The numbers in their order, CHUNK at a time by key: no cursor stays open while a slow reader reads, which would
    keep SQLite from tidying its log."""
    return csv_lines(_rows(numbers, now))


def _rows(numbers: PhoneNumberQuerySet, now: datetime) -> Iterator[Iterable[object]]:
    yield HEADINGS
    last = ""
    while chunk := list(numbers.filter(e164__gt=last).select_related("campaign").order_by("e164")[:CHUNK]):
        for number in chunk:
            yield _row(number, now)
        last = chunk[-1].e164


def _row(number: PhoneNumber, now: datetime) -> tuple[object, ...]:
    return (
        number.e164,
        str(number),
        number.label,
        number.source,
        number.campaign.name if number.campaign else "",
        number.get_capability_display(),
        SPAM_STATUS_LABELS[number.shown_spam_status(now)].word,
        _format_time(number.tagged_since),
        _format_time(number.checked_at),
    )


def _format_time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
