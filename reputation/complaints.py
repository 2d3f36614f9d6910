"""Consumers' complaints about a number: how many count, and which are probably about somebody else's calls.

There are two sources, the FTC's files and the FCC's data service. The claims are unverified, and a number can be
spoofed. Complaints belong to no account: every account that monitors the number sees them. They never tag a number;
enough of them, of both sources together, put it at risk.

A complaint counts for settings.COMPLAINTS_WINDOW_DAYS real days from its date. In the demo, where the service's days
are shorter, a complaint that was three days old when its file was loaded is three of the short days old, and ages by
these. So real files show the same course there.

A complaint about a day on which the number showed no call is *probably spoofed*, and counts apart. That is known if the
dialer of every account with the number asked the portal for caller IDs on that day. The sources have no time zone, so a
call on the day before or after counts, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import NamedTuple

from django.conf import settings

from portal.db.in_list import in_list
from reputation.models import CampaignCalls, Complaint, FccComplaintDay, FccDataset, NumberCalls, PhoneNumber
from reputation.models.complaints import ComplaintQuerySet
from reputation.service_clock import days

_DAY = timedelta(days=1)


class Source(Enum):
    FTC = "ftc"
    FCC = "fcc"


@dataclass(frozen=True)
class ComplaintCount:
    """The number's complaints in the window at one source, and `total`, those of all sources.

    `ends_at` is when the last complaint of the source that counts leaves the window.
    """

    complaints: int = 0
    probably_spoofed: int = 0
    total: int = 0
    ends_at: datetime | None = None

    @property
    def is_risk(self) -> bool:
        """Whether the source has complaints, and there are enough of them in all."""
        return self.complaints > 0 and self.total >= settings.COMPLAINTS_THRESHOLD


class _Complaints(NamedTuple):
    """Complaints about a number on one day."""

    source: Source
    counts_from: datetime
    day: date
    complaints: int


class _Owner(NamedTuple):
    """A present number of an account."""

    account: int
    added_on: date


def get_complaints(e164: str) -> ComplaintQuerySet:
    """All complaints about the number, newest first."""
    return Complaint.objects.for_number(e164)


def find_probably_spoofed(e164: str, complaints: Iterable[Complaint]) -> set[int]:
    """The ids of those of the number's complaints that are about a day without a call from it; three queries."""
    days_by_id = {one.pk: (one.violated_at or one.created_at).date() for one in complaints}
    calls = _CallDays.load([e164] if days_by_id else [], set(days_by_id.values()))
    return {pk for pk, day in days_by_id.items() if calls.shows_spoofing(e164, day)}


def get_window_start(now: datetime) -> datetime:
    return now - days(settings.COMPLAINTS_WINDOW_DAYS)


def count_by_number(numbers: Iterable[str], *, source: Source, now: datetime) -> dict[str, ComplaintCount]:
    """The source's count of each of the numbers (E.164), also of those without complaints; six queries."""
    counts = dict.fromkeys(numbers, ComplaintCount())
    rows = _load_complaints(list(counts), get_window_start(now))
    calls = _CallDays.load(rows, {one.day for of_number in rows.values() for one in of_number})
    for e164, of_number in rows.items():
        counting = [one for one in of_number if not calls.shows_spoofing(e164, one.day)]
        own = [one for one in counting if one.source is source]
        complaints = sum(one.complaints for one in own)
        counts[e164] = ComplaintCount(
            complaints=complaints,
            probably_spoofed=sum(one.complaints for one in of_number if one.source is source) - complaints,
            total=sum(one.complaints for one in counting),
            ends_at=max(one.counts_from for one in own) + days(settings.COMPLAINTS_WINDOW_DAYS) if own else None,
        )
    return counts


def _load_complaints(numbers: Sequence[str], since: datetime) -> dict[str, list[_Complaints]]:
    """The complaints of both sources after this moment, by number; three queries."""
    rows: dict[str, list[_Complaints]] = defaultdict(list)
    of_ftc = Complaint.objects.counting_since(since).filter(e164__in=in_list(numbers))
    for e164, counts_from, violated_at, created_at in of_ftc.values_list(
        "e164", "counts_from", "violated_at", "created_at"
    ):
        rows[e164].append(_Complaints(Source.FTC, counts_from, (violated_at or created_at).date(), 1))
    if not FccDataset.is_on():
        return rows
    of_fcc = FccComplaintDay.objects.filter(number__e164__in=in_list(numbers), day__gt=since.date())
    for e164, day, count in of_fcc.values_list("number__e164", "day", "count"):
        rows[e164].append(_Complaints(Source.FCC, datetime.combine(day, time.min, UTC), day, count))
    return rows


@dataclass(frozen=True)
class _CallDays:
    """What is known about calls: who has each number, on which days it showed calls, and when an account's dialer
    asked for caller IDs at all."""

    owners: dict[str, list[_Owner]]
    shown: set[tuple[str, date]]
    asked: set[tuple[int, date]]

    @classmethod
    def load(cls, numbers: Collection[str], complaint_days: Collection[date]) -> _CallDays:
        """Load it for the numbers (E.164) and the days around these; three queries, none without numbers."""
        owners: dict[str, list[_Owner]] = defaultdict(list)
        if not numbers:
            return cls(owners, set(), set())
        present = PhoneNumber.objects.present().filter(e164__in=in_list(list(numbers)))
        for e164, account, added_at in present.values_list("e164", "account_id", "added_at"):
            owners[e164].append(_Owner(account, added_at.date()))
        window = {"day__gte": min(complaint_days) - _DAY, "day__lte": max(complaint_days) + _DAY}
        shown = NumberCalls.objects.filter(
            number__e164__in=in_list(list(owners)), number__removed_at__isnull=True, **window
        )
        accounts = {owner.account for of_number in owners.values() for owner in of_number}
        asked = CampaignCalls.objects.filter(account__in=accounts, **window).order_by()
        return cls(
            owners,
            set(shown.values_list("number__e164", "day")),
            set(asked.values_list("account_id", "day").distinct()),
        )

    def shows_spoofing(self, e164: str, day: date) -> bool:
        """Whether the number probably made no call on this day, although its owners' calls of the day are known."""
        owners = self.owners.get(e164, [])
        is_known = owners and all(owner.added_on < day and (owner.account, day) in self.asked for owner in owners)
        around = (day - _DAY, day, day + _DAY)
        return bool(is_known) and not any((e164, one) in self.shown for one in around)
