"""Whether look-ups are late, so that pages can say that their statuses are old."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal.models import Account
from reputation.models import PhoneNumber
from reputation.monitoring.lookups import INTERVAL_DAYS
from reputation.service_clock import days

# How often a process asks. In between, pages cost no query.
REFRESH_SECONDS: Final = 60
# With short service days, as in the demo, a busy moment is not yet late.
SHORTEST: Final = timedelta(hours=1)


@dataclass
class _Memory:
    """Whether any number is late, and when to ask again (monotonic)."""

    is_late: bool = False
    next_check: float = 0.0


_memory = _Memory()


def get_last_lookup_if_late(account: Account, now: datetime) -> datetime | None:
    """When numbers of the account were last looked up, if some wait for twice the interval; None if none does.

    One query per minute and process while no account's look-ups are late, and one more for each page if some are.
    """
    late = PhoneNumber.objects.looked_up().filter(next_action_at__lt=now - max(days(INTERVAL_DAYS), SHORTEST))
    if time.monotonic() >= _memory.next_check:
        _memory.next_check = time.monotonic() + REFRESH_SECONDS
        _memory.is_late = late.exists()
    if not _memory.is_late:
        return None
    late_ones = late.filter(account=account, checked_at__isnull=False).order_by("-checked_at")
    return late_ones.values_list("checked_at", flat=True).first()
