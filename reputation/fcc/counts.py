"""What the FCC said about numbers, for pages and for providers.

A complaint is evidence about calls, not a label, and it is unverified. A number that was not asked about is unknown,
never free of complaints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from portal.db.in_list import in_list
from reputation.complaints import get_window_start
from reputation.models import FccComplaintCount, FccDataset, FccNumber
from reputation.models.fcc import version_time


@dataclass(frozen=True)
class FccCount:
    """What the FCC's data of `data_until` has about a number.

    `recent_complaints` are those of the last settings.COMPLAINTS_WINDOW_DAYS, `last_on` the day of the last complaint.
    Reports of the owner that the number is spoofed are no complaints and are counted apart.
    """

    recent_complaints: int
    complaints: int
    last_on: date | None
    spoofing_reports: int
    asked_at: datetime
    data_until: datetime


def get_recent_counts(numbers: Iterable[str], *, now: datetime) -> dict[str, FccCount]:
    """The counts by number (E.164), without those numbers that were not asked about yet; one query."""
    asked = FccNumber.objects.asked().filter(e164__in=in_list(numbers))
    rows = asked.with_counts(since=get_window_start(now).date()).values_list(
        *("e164", "recent_complaints", "complaints", "last_on", "spoofing_reports", "asked_at", "rows_updated_at")
    )
    return {
        e164: FccCount(recent, complaints, last_on, spoofing, asked_at, version_time(version))
        for e164, recent, complaints, last_on, spoofing, asked_at, version in rows
        if asked_at
    }


@dataclass(frozen=True)
class NumberReport:
    """The FCC's complaints on the page of a number. `number` is None if it was not asked about yet."""

    number: FccNumber | None
    kinds: list[FccComplaintCount]
    spoofing_reports: int

    @property
    def complaints(self) -> int:
        return sum(kind.count for kind in self.kinds)

    @property
    def last_day(self) -> date | None:
        return max((kind.last_day for kind in self.kinds if kind.last_day), default=None)


def get_report(e164: str, *, is_monitored: bool) -> NumberReport | None:
    """What the page of a number shows: None if the FCC is not asked at all, or neither was nor will be about this one.

    Three queries; none if a setting turns the FCC off.
    """
    if not FccDataset.is_on():
        return None
    number = FccNumber.objects.asked().filter(e164=e164).first()
    rows = list(FccComplaintCount.objects.filter(number=number).order_by("-count", "issue", "call_type"))
    if number is None and not is_monitored:
        return None
    return NumberReport(
        number,
        kinds=[row for row in rows if not row.is_spoofing_report],
        spoofing_reports=sum(row.count for row in rows if row.is_spoofing_report),
    )
