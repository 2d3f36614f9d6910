"""The numbers as CSV, streamed, so that a million need no more memory than a hundred."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from portal.files.csv_export import csv_lines
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
