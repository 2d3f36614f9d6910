"""The monitored numbers of which it is not known whether they carry a label: how many, why, and since when.

Pages say "no number is tagged" only where there are none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Q

from reputation.models import PhoneNumber
from reputation.number_table.scope import NumberScope
from reputation.number_table.table import StatusCount

UNKNOWN = PhoneNumber.SpamStatus.UNKNOWN
STALE = PhoneNumber.STALE


@dataclass(frozen=True)
class UnknownNumbers:
    """Monitored numbers whose spam status is not known now.

    `unknown` are not yet known: an engine in use has not answered about them. `stale` were clean, but an answer has
    expired. `next_lookup_at` is when the first of them is looked up next, `oldest_check_at` when the stale ones were
    checked, at the earliest.
    """

    unknown: int = 0
    stale: int = 0
    next_lookup_at: datetime | None = None
    oldest_check_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.unknown + self.stale


def get_unknown_numbers(scope: NumberScope, status_counts: Sequence[StatusCount], now: datetime) -> UnknownNumbers:
    """Count the numbers of the scope that are not yet known or stale; one query if there are any."""
    counts = {status.value: status.count for status in status_counts}
    if not counts[UNKNOWN] + counts[STALE]:
        return UnknownNumbers()
    is_stale = Q(spam_status=PhoneNumber.SpamStatus.CLEAN, fresh_until__lte=now)
    times = scope.numbers.filter(Q(spam_status=UNKNOWN) | is_stale).aggregate(
        next_lookup_at=Min("next_action_at"), oldest_check_at=Min("checked_at", filter=is_stale)
    )
    return UnknownNumbers(counts[UNKNOWN], counts[STALE], **times)
