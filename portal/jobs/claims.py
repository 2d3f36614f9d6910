"""Claims on rows: a worker writes its token on the rows it takes before it works on them, for a limited time.

Every later write of that worker is `WHERE lease_token = mine`, so it fails once another worker has taken over, or once
somebody cleared the token to stop the work. A killed worker is followed when its lease runs out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

Row = TypeVar("Row", bound=models.Model)

# Longer than a task may last (120 s), so that nobody takes over rows that are still worked on.
LEASE_DURATION = timedelta(seconds=180)
# What a row has that nobody works on: for update(), save() and update_rows().
RELEASED: Final[dict[str, Any]] = {"lease_until": None, "lease_token": ""}


class LeaseLost(Exception):
    """Another worker has taken over, or somebody ended the work. What is in progress is to be rolled back."""


def unclaimed(now: datetime) -> Q:
    """The condition of rows that no worker holds."""
    return Q(lease_until__isnull=True) | Q(lease_until__lte=now)


def claim(
    due: QuerySet[Any],
    *,
    now: datetime,
    limit: int,
    order_by: str = "next_action_at",
    attempts: str = "attempts",
    lease: timedelta = LEASE_DURATION,
) -> tuple[str, list[int]]:
    """Claim up to `limit` of the `due` rows, the longest due first; return the token and the ids of the rows.

    The rows' model has lease_until and lease_token, and the fields named by `order_by` and `attempts` (empty if it
    does not count attempts). Results are to be written `WHERE lease_token = token`.
    """
    free = due.filter(unclaimed(now))
    if not free.exists():  # an idle sweep takes no write lock
        return "", []
    token = secrets.token_hex(16)
    counted = {attempts: F(attempts) + 1} if attempts else {}
    with transaction.atomic():
        rows = free.select_for_update(skip_locked=True, of=("self",)).order_by(order_by, "pk")
        ids = list(rows.values_list("pk", flat=True)[:limit])
        due.model._base_manager.filter(pk__in=ids).update(lease_until=now + lease, lease_token=token, **counted)
    return token, ids


@dataclass(frozen=True)
class RowClaim(Generic[Row]):
    """One claimed row. Each method writes only while this worker holds the row, and returns whether it does."""

    row: QuerySet[Row]
    lease: timedelta

    def is_held(self) -> bool:
        return self.row.exists()

    def update(self, **values: Any) -> bool:
        return bool(self.row.update(**values))

    def renew(self, **values: Any) -> bool:
        """Extend the lease, counted from the current time, and write `values` with it."""
        return self.update(lease_until=timezone.now() + self.lease, **values)

    def release(self, **values: Any) -> bool:
        """End the claim, and write `values` with it."""
        return self.update(**RELEASED, **values)


def claim_row(
    candidates: QuerySet[Row], pk: Any, *, now: datetime, lease: timedelta = LEASE_DURATION, **values: Any
) -> RowClaim[Row] | None:
    """Claim the row with this key if it is among the candidates and nobody holds it; write `values` with the claim."""
    token = secrets.token_hex(16)
    free = candidates.filter(unclaimed(now), pk=pk)
    if not free.update(lease_until=now + lease, lease_token=token, **values):
        return None
    return RowClaim(candidates.model._base_manager.filter(pk=pk, lease_token=token), lease)
