"""Who works on a due row: a worker writes its token on the rows it takes, before it begins, for a limited time."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

# Longer than a task may last (120 s), so that nobody takes over rows that are still worked on.
LEASE_DURATION = timedelta(seconds=180)


def claim(due: QuerySet, *, now: datetime, most: int) -> tuple[str, list[int]]:
    """Takes up to `most` of the `due` rows that nobody holds, the longest due first; returns the token and their ids.

    The rows' model has next_action_at, lease_until, lease_token and attempts. What is then learnt about a row is
    written `WHERE lease_token = token`: a row that was meanwhile taken over, or changed by somebody who cleared the
    token, is left alone. A worker that dies is followed when the lease runs out.
    """
    free = due.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
    if not free.exists():  # an idle sweep takes no write lock
        return "", []
    token = secrets.token_hex(16)
    with transaction.atomic():
        rows = free.select_for_update(skip_locked=True, of=("self",)).order_by("next_action_at", "pk")
        ids = list(rows.values_list("pk", flat=True)[:most])
        due.model._base_manager.filter(pk__in=ids).update(
            lease_until=now + LEASE_DURATION, lease_token=token, attempts=F("attempts") + 1
        )
    return token, ids
