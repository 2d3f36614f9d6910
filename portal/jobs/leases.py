"""Named leases: one holder at a time for a kind of work, across processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from portal.jobs.claims import RowClaim, claim_row
from portal.models import Lease


@contextmanager
def acquire_lease(name: str) -> Iterator[RowClaim[Lease] | None]:
    """Yield the claim on the lease of this name, or None while another process holds it; release it at the end.

    A task renews it. Outside a task it lasts for LEASE_DURATION.
    """
    Lease.objects.bulk_create([Lease(name=name)], ignore_conflicts=True)
    lease = claim_row(Lease.objects.all(), name, now=timezone.now())
    try:
        yield lease
    finally:
        if lease:
            lease.release()
