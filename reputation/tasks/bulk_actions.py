"""Bulk actions that are too large for a person to wait for: begun when confirmed, gone on with by the next sweep."""

from django.db.models import Q
from django.utils import timezone

from portal.jobs.runner import sweep, task
from reputation.bulk_actions import actions
from reputation.models import Confirmation


@task
def apply_confirmation(pk: int) -> None:
    """Works on one confirmed window, unless it is done or another worker is at it."""
    confirmation = Confirmation.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.apply(confirmation, actor=confirmation.confirmed_by, now=timezone.now())


@task
def prepare_confirmation(pk: int) -> None:
    """Writes down what one window shows, unless that is done or another worker is at it."""
    confirmation = Confirmation.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.prepare(confirmation, now=timezone.now())


@task
def continue_confirmations() -> None:
    """Those whose worker died, or whose time was up."""
    seen: list[int] = []

    def next_one() -> int:
        nobody_at_it = Q(lease_until__isnull=True) | Q(lease_until__lte=timezone.now())
        waiting = Confirmation.objects.being_prepared() | Confirmation.objects.under_way()
        found = waiting.filter(nobody_at_it).exclude(pk__in=seen).order_by("pk").values_list("pk", "state").first()
        if found is None:
            return 0
        pk, state = found
        seen.append(pk)
        (apply_confirmation if state == Confirmation.State.APPLYING else prepare_confirmation)(pk)
        return 1

    sweep("continue confirmations", next_one)
