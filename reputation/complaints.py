"""Consumers' complaints to the FTC about a number, and whether they are enough to label it.

The claims are unverified, and a number can be spoofed. Complaints belong to no account: every account that monitors
the number sees them.

A complaint counts for settings.COMPLAINTS_WINDOW_DAYS real days from its date. In the demo, where the service's days
are shorter, a complaint that was three days old when its file was loaded is three of the short days old, and ages by
these. So real files show the same course there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from reputation.models import Complaint
from reputation.models.complaints import ComplaintQuerySet
from reputation.service_clock import days


@dataclass(frozen=True)
class ComplaintCount:
    """The number's complaints in the window, and when too few are left to label it (None: there are too few now)."""

    complaints: int
    ages_out_at: datetime | None

    @property
    def reaches_threshold(self) -> bool:
        return self.ages_out_at is not None


def get_complaints(e164: str) -> ComplaintQuerySet:
    """All complaints about the number, newest first."""
    return Complaint.objects.for_number(e164)


def get_window_start(now: datetime) -> datetime:
    return now - days(settings.COMPLAINTS_WINDOW_DAYS)


def count_by_number(numbers: Iterable[str], *, now: datetime) -> dict[str, ComplaintCount]:
    """The count of each of the numbers (E.164), also of those without complaints; one query."""
    ages: dict[str, list[datetime]] = {number: [] for number in numbers}
    in_window = Complaint.objects.counting_since(get_window_start(now)).filter(e164__in=list(ages))
    for e164, counts_from in in_window.order_by("-counts_from").values_list("e164", "counts_from"):
        ages[e164].append(counts_from)
    threshold = max(settings.COMPLAINTS_THRESHOLD, 1)
    return {
        number: ComplaintCount(
            complaints=len(newest_first),
            # When this one ages out, fewer than `threshold` newer ones are left.
            ages_out_at=newest_first[threshold - 1] + days(settings.COMPLAINTS_WINDOW_DAYS)
            if len(newest_first) >= threshold
            else None,
        )
        for number, newest_first in ages.items()
    }
