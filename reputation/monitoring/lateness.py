"""Whether look-ups are late, so that pages can say that their statuses are old."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max

from portal.models import Account
from reputation.models import PhoneNumber
from reputation.monitoring.lookups import INTERVAL_DAYS
from reputation.service_clock import days

# How often a process asks for an account. In between, its pages cost no query.
REFRESH_SECONDS: Final = 60
# With short service days, as in the demo, a busy moment is not yet late.
SHORTEST: Final = timedelta(hours=1)

# By account: when its late numbers were last looked up, and until when (monotonic) nobody asks again.
_answers: defaultdict[int, tuple[datetime | None, float]] = defaultdict(lambda: (None, 0.0))


def get_last_lookup_if_late(account: Account, now: datetime) -> datetime | None:
    """When numbers of the account were last looked up, if some wait for twice the interval; None if none does.

    One query per account, minute and process: with a million late numbers it takes a second.
    """
    last_at, asks_again_at = _answers[account.pk]
    if time.monotonic() < asks_again_at:
        return last_at
    late = PhoneNumber.objects.looked_up().filter(next_action_at__lt=now - max(days(INTERVAL_DAYS), SHORTEST))
    last_at = late.filter(account=account).aggregate(last_at=Max("checked_at"))["last_at"]
    _answers[account.pk] = last_at, time.monotonic() + REFRESH_SECONDS
    return last_at
