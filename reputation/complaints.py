"""Consumers' complaints to the FTC about a number: how many count, and which are probably about somebody else's calls.

The claims are unverified, and a number can be spoofed. Complaints belong to no account: every account that monitors
the number sees them. They never tag a number; enough of them put it at risk.

A complaint counts for settings.COMPLAINTS_WINDOW_DAYS real days from its date. In the demo, where the service's days
are shorter, a complaint that was three days old when its file was loaded is three of the short days old, and ages by
these. So real files show the same course there.

A complaint about a day on which the number showed no call is *probably spoofed*, and counts apart. That is known if the
dialer of every account with the number asked the portal for caller IDs on that day. The files have no time zone, so a
call on the day before or after counts, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from reputation.models import CampaignCalls, Complaint, NumberCalls, PhoneNumber
from reputation.models.complaints import ComplaintQuerySet
from reputation.service_clock import days

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class ComplaintCount:
    """The number's complaints in the window. `ends_at` is when the last of those that count leaves the window."""

    complaints: int = 0
    probably_spoofed: int = 0
    ends_at: datetime | None = None

    @property
    def reaches_threshold(self) -> bool:
        return self.complaints >= max(settings.COMPLAINTS_THRESHOLD, 1)


class _Owner(NamedTuple):
    """A present number of an account."""

    account: int
    added_on: date


def get_complaints(e164: str) -> ComplaintQuerySet:
    """All complaints about the number, newest first."""
    return Complaint.objects.for_number(e164)


def get_window_start(now: datetime) -> datetime:
    return now - days(settings.COMPLAINTS_WINDOW_DAYS)


def count_by_number(numbers: Iterable[str], *, now: datetime) -> dict[str, ComplaintCount]:
    """The count of each of the numbers (E.164), also of those without complaints; four queries."""
    wanted = list(numbers)
    rows: dict[str, list[tuple[datetime, date]]] = defaultdict(list)
    in_window = Complaint.objects.counting_since(get_window_start(now)).filter(e164__in=wanted)
    for e164, counts_from, violated_at, created_at in in_window.order_by("-counts_from").values_list(
        "e164", "counts_from", "violated_at", "created_at"
    ):
        rows[e164].append((counts_from, (violated_at or created_at).date()))
    calls = _CallDays.load(rows, {day for of_number in rows.values() for _, day in of_number})
    counts = dict.fromkeys(wanted, ComplaintCount())
    for e164, of_number in rows.items():
        counting = [counts_from for counts_from, day in of_number if not calls.shows_spoofing(e164, day)]
        counts[e164] = ComplaintCount(
            complaints=len(counting),
            probably_spoofed=len(of_number) - len(counting),
            ends_at=counting[0] + days(settings.COMPLAINTS_WINDOW_DAYS) if counting else None,
        )
    return counts


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
        present = PhoneNumber.objects.present().filter(e164__in=list(numbers))
        for e164, account, added_at in present.values_list("e164", "account_id", "added_at"):
            owners[e164].append(_Owner(account, added_at.date()))
        window = {"day__gte": min(complaint_days) - _DAY, "day__lte": max(complaint_days) + _DAY}
        shown = NumberCalls.objects.filter(number__e164__in=list(owners), number__removed_at__isnull=True, **window)
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
