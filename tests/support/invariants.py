"""The invariants that do not hold at a moment."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from reputation.invariants.all import INVARIANTS
from reputation.invariants.registry import check


def get_violated(now: datetime | None = None) -> list[str]:
    """The names of the invariants that do not hold; `now` is the current time unless given."""
    return [violation.invariant.name for violation in check(INVARIANTS, now or timezone.now())]
