"""Claims on rows: a worker writes its token on the rows it takes before it works on them, for a limited time.

Every later write of that worker is `WHERE lease_token = mine`, so it fails once another worker has taken over, or once
somebody cleared the token to stop the work. A task renews its claims while its process lives (renewal.py). A killed
worker is followed when its lease runs out.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from django.db import Error, models, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from portal.jobs import renewal
from portal.jobs.renewal import HeldClaim

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=models.Model)

# How long a killed worker keeps others from its rows. A living one renews its claims in time, however long it takes.
LEASE_DURATION = timedelta(seconds=10)
# A lease that ends later than any new one could, and this long after it, was written before the clock was set back.
CLOCK_TOLERANCE = timedelta(minutes=5)
# What a row has that nobody works on: for update(), save() and update_rows().
RELEASED: Final[dict[str, Any]] = {"lease_until": None, "lease_token": ""}


class LeaseLost(Exception):
    """Another worker has taken over, or somebody ended the work. What is in progress is to be rolled back."""


def unclaimed(now: datetime, lease: timedelta = LEASE_DURATION) -> Q:
    """The condition of rows that no worker holds. `lease` is how long claims on them last at most."""
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    return is_free | Q(lease_until__gt=now + lease + CLOCK_TOLERANCE)


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
    free = due.filter(unclaimed(now, lease))
    if not free.exists():  # an idle sweep takes no write lock
        return "", []
    token = secrets.token_hex(16)
    counted = {attempts: F(attempts) + 1} if attempts else {}
    with transaction.atomic():
        rows = free.select_for_update(skip_locked=True, of=("self",)).order_by(order_by, "pk")
        ids = list(rows.values_list("pk", flat=True)[:limit])
        due.model._base_manager.filter(pk__in=ids).update(lease_until=now + lease, lease_token=token, **counted)
    if ids:
        renewal.keep(HeldClaim(due.model, tuple(ids), token, lease, attempts, is_of_sweep=True))
    return token, ids


@dataclass(frozen=True)
class RowClaim(Generic[Row]):
    """One claimed row. Each method writes only while this worker holds the row, and returns whether it does."""

    row: QuerySet[Row]
    lease: timedelta
    token: str = ""

    def is_held(self) -> bool:
        return self.row.exists()

    def update(self, **values: Any) -> bool:
        return bool(self.row.update(**values))

    def renew(self, **values: Any) -> bool:
        """Extend the lease, counted from the current time, and write `values` with it."""
        return self.update(lease_until=timezone.now() + self.lease, **values)

    def release(self, **values: Any) -> bool:
        """End the claim, and write `values` with it. With a `lease_until`, nobody takes the row before that time."""
        renewal.drop(self.token)
        return self.update(**RELEASED | values)


def claim_row(
    candidates: QuerySet[Row],
    pk: Any,
    *,
    now: datetime,
    lease: timedelta = LEASE_DURATION,
    is_renewed: bool = True,
    **values: Any,
) -> RowClaim[Row] | None:
    """Claim the row with this key if it is among the candidates and nobody holds it; write `values` with the claim.

    Unless `is_renewed` is false, a task keeps the claim until it is released, or until the task ends.
    """
    token = secrets.token_hex(16)
    free = candidates.filter(unclaimed(now, lease), pk=pk)
    if not free.update(lease_until=now + lease, lease_token=token, **values):
        return None
    if is_renewed:
        renewal.keep(HeldClaim(candidates.model, (pk,), token, lease))
    return RowClaim(candidates.model._base_manager.filter(pk=pk, lease_token=token), lease, token)


def give_back_claims(*, rest: timedelta | None) -> None:
    """Give back what the running task still holds after an error. Does what the database allows, and raises nothing.

    With `rest`, nobody takes the rows for this time. Without, they are free at once, and the claim does not count as an
    attempt.
    """
    for held in renewal.get_kept_claims():
        renewal.drop(held.token)
        rows = held.model._base_manager.filter(pk__in=held.ids, lease_token=held.token)
        attempts = {held.attempts: Greatest(F(held.attempts) - 1, 0)} if held.attempts else {}
        try:
            if rest is None:
                rows.update(**RELEASED, **attempts)
            elif held.is_of_sweep:
                rows.update(lease_until=timezone.now() + rest)
        except Error as error:
            logger.debug("%s rows were not given back, and wait until their claim runs out: %s", len(held.ids), error)
