"""Rows of the FCC's answers. Values that are absent in the data are absent keys; counts are written as text.

Rows about numbers that were not asked for are ignored: among them the placeholders of the data (`None`, 000-000-0000).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

logger = logging.getLogger(__name__)

MAX_TEXT = 120
# "My own number is being spoofed", in the words of the form of any year.
SPOOFING_REPORT = re.compile(r"\bown\b.*\bnumber\b.*\bspoof", re.IGNORECASE)


class AnswerUnusable(Exception):
    """A row without its count, or with one that cannot be read: the answer as a whole says nothing."""


@dataclass(frozen=True)
class Kind:
    """The complaints about a number with one issue and type of call. A day is None if the data has no date."""

    number: str
    issue: str
    call_type: str
    count: int
    first_day: date | None
    last_day: date | None

    @property
    def is_spoofing_report(self) -> bool:
        """Whether the number's owner reports that others spoof it. The owner is the victim then."""
        return is_spoofing_report(self.issue)


def is_spoofing_report(issue: str) -> bool:
    return bool(SPOOFING_REPORT.search(issue))


def read_kinds(rows: Sequence[Any], asked: Mapping[str, str]) -> list[Kind]:
    """The kinds in the rows. `asked` has the numbers (E.164) by how the FCC writes them. Raises AnswerUnusable."""
    kinds: dict[tuple[str, str, str], Kind] = {}
    for number, row in _rows_asked_for(rows, asked):
        kind = Kind(
            number,
            _read_text(row, "issue"),
            _read_text(row, "type_of_call_or_messge"),
            _read_count(row),
            _read_day(row, "first"),
            _read_day(row, "last"),
        )
        key = (number, kind.issue, kind.call_type)
        kinds[key] = _add(kinds[key], kind) if key in kinds else kind
    return list(kinds.values())


def read_day_counts(rows: Sequence[Any], asked: Mapping[str, str]) -> dict[tuple[str, date], int]:
    """The complaints of each number and day, without reports of spoofing. Raises AnswerUnusable."""
    counts: dict[tuple[str, date], int] = {}
    for number, row in _rows_asked_for(rows, asked):
        day = _read_day(row, "issue_date")
        if day and not is_spoofing_report(_read_text(row, "issue")):
            counts[number, day] = counts.get((number, day), 0) + _read_count(row)
    return counts


def _rows_asked_for(rows: Sequence[Any], asked: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    ignored = 0
    for row in rows:
        if not isinstance(row, dict):
            raise AnswerUnusable(f"A row of the answer is no object, but: {str(row)[:40]}")
        written = row.get("caller_id_number")
        if isinstance(written, str) and written.strip() in asked:
            yield asked[written.strip()], row
        else:
            ignored += 1
    if ignored:
        logger.warning("FCC: %s rows about numbers that were not asked for are ignored", ignored)


def _add(first: Kind, second: Kind) -> Kind:
    """Two rows whose kinds differ only in what is cut off or left out."""
    days = [day for kind in (first, second) for day in (kind.first_day, kind.last_day) if day]
    return replace(
        first,
        count=first.count + second.count,
        first_day=min(days, default=None),
        last_day=max(days, default=None),
    )


def _read_text(row: dict[str, Any], key: str) -> str:
    """One line of text; empty if it is absent. PostgreSQL refuses NUL."""
    value = row.get(key)
    text = "" if value in (None, "None") else str(value).replace("\x00", "")
    return " ".join(text.split())[:MAX_TEXT]


def _read_count(row: dict[str, Any]) -> int:
    value = row.get("n")
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"[0-9]{1,9}", str(value)):
        raise AnswerUnusable(f"A row of the answer has no count, but: {str(value)[:40]}")
    return int(value)


def _read_day(row: dict[str, Any], key: str) -> date | None:
    """The day of `2026-10-03T00:00:00.000`; None if it is absent. Raises AnswerUnusable for anything else."""
    value = row.get(key)
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise AnswerUnusable(f"A row of the answer has a date that cannot be read: {str(value)[:40]}") from None
