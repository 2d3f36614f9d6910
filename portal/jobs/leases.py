"""One holder at a time for a kind of work, across processes; a holder that dies is followed when its lease runs out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from portal.models import Lease


@contextmanager
def acquire_lease(name: str, *, for_seconds: int) -> Iterator[bool]:
    """Yields True to the one who got the lease, False to anyone who comes while it is held.

    Taken by compare-and-set, so that two who ask at the same moment never both get it; given back at the end.
    """
    now = timezone.now()
    token = secrets.token_hex(16)
    Lease.objects.bulk_create([Lease(name=name, held_until=now)], ignore_conflicts=True)
    mine = Lease.objects.filter(name=name, held_until__lte=now).update(
        token=token, held_until=now + timedelta(seconds=for_seconds)
    )
    try:
        yield bool(mine)
    finally:
        if mine:
            Lease.objects.filter(name=name, token=token).update(held_until=timezone.now())
