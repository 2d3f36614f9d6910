"""Bulk actions that are too large for a person to wait for: begun when confirmed, gone on with by the next sweep."""

from django.db.models import Q
from django.utils import timezone

from portal.sweeping import sweep, task
from reputation import confirmations
from reputation.models import Confirmation


@task
def apply_confirmation(pk: int) -> None:
    """Works on one confirmed window, unless it is done or another worker is at it."""
    confirmation = Confirmation.objects.select_related("account", "user", "campaign").get(pk=pk)
    confirmations.apply(confirmation, actor=confirmation.confirmed_by, now=timezone.now())


@task
def continue_confirmations() -> None:
    """Those whose worker died, or whose time was up."""
    seen: list[int] = []

    def next_one() -> int:
        nobody_at_it = Q(lease_until__isnull=True) | Q(lease_until__lte=timezone.now())
        under_way = Confirmation.objects.filter(nobody_at_it, state=Confirmation.State.APPLYING).exclude(pk__in=seen)
        pk = under_way.order_by("pk").values_list("pk", flat=True).first()
        if pk is None:
            return 0
        seen.append(pk)
        apply_confirmation(pk)
        return 1

    sweep("continue confirmations", next_one)
