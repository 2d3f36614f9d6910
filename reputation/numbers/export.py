"""The numbers as CSV, streamed, so that a million need no more memory than a hundred."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from reputation.labels import REMEDIATION_LABELS, SPAM_STATUS_LABELS
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
    "remediation",
    "tagged since",
    "last checked",
)

# Characters with which spreadsheets start a formula (OWASP, CSV injection). A number in E.164 is a harmless formula,
# and other programs need it unchanged.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_E164 = re.compile(r"\+\d+")


class Echo:
    """A file for csv.writer whose write method returns the line."""

    def write(self, line: str) -> str:
        return line


def escape_formula(cell: str) -> str:
    """Prefixes a cell that a spreadsheet would run as a formula with an apostrophe.

    The import removes one apostrophe. So a cell with apostrophes before a formula gets another one, too.
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _E164.fullmatch(cell) else cell


def unescape_formula(cell: str) -> str:
    """Reverses `escape_formula`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The rows as lines of a CSV file. The first starts with a byte order mark, which Excel needs to read UTF-8."""
    writer = csv.writer(Echo())
    prefix = "\ufeff"
    for row in rows:
        yield prefix + writer.writerow([escape_formula(str(cell)) for cell in row])
        prefix = ""


def stream_csv(numbers: PhoneNumberQuerySet, now: datetime) -> Iterator[str]:
    """The numbers in order of E.164, read in chunks by key.

    An open cursor would keep SQLite from checkpointing its write-ahead log while a slow client reads.
    """
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
        SPAM_STATUS_LABELS[number.spam_status_at(now)].word,
        REMEDIATION_LABELS[PhoneNumber.SpamStatus(number.remediation)].word if number.remediation else "",
        _format_time(number.tagged_since),
        _format_time(number.checked_at),
    )


def _format_time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
