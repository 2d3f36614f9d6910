"""Notices about licences that end soon: when, and what happens to which numbers then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.accounts.licence_expiry import get_expiring
from portal.models import Account, Licence, today_of
from reputation.monitoring.eligibility import MonitoredCount, build_coverage, count_monitored


@dataclass(frozen=True)
class LicenceNotice:
    """A licence that ends soon, and for how many numbers monitoring ends on the day after."""

    licence: Licence
    days_left: int
    uncovered_count: int

    @property
    def is_urgent(self) -> bool:
        return self.days_left <= 7


def get_licence_notices(account: Account, now: datetime) -> list[LicenceNotice]:
    """The account's licences that end within 30 days, the next to end first; two queries."""
    licences = list(Licence.objects.for_account(account))
    today = today_of(account, now)
    expiring = get_expiring(licences, today)
    if not expiring:
        return []
    monitored = count_monitored(account)
    return [
        LicenceNotice(licence, (licence.valid_until - today).days, _count_uncovered(licence, licences, monitored))
        for licence in expiring
        if licence.valid_until
    ]


def _count_uncovered(licence: Licence, licences: Sequence[Licence], monitored: MonitoredCount) -> int:
    """How many of the numbers that are monitored now lose their cover on the first day without the licence."""
    if licence.valid_until is None:
        return 0
    return build_coverage(licences, monitored, licence.valid_until + timedelta(days=1)).uncovered_count
