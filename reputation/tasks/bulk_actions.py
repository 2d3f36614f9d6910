"""Bulk actions that are too large for a person to wait for: begun when confirmed, gone on with by the next sweep."""

from django.db.models import Q
from django.utils import timezone

from portal.audit import Context
from portal.jobs.runner import run_until_done, task
from reputation.bulk_actions import actions
from reputation.models import BulkAction


@task
def apply_bulk_action(pk: int) -> None:
    """Works on one confirmed window, unless it is done or another worker is at it."""
    confirmation = BulkAction.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.apply(confirmation, context=Context(confirmation.confirmed_by, timezone.now()))


@task
def prepare_bulk_action(pk: int) -> None:
    """Writes down what one window shows, unless that is done or another worker is at it."""
    confirmation = BulkAction.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.prepare(confirmation, now=timezone.now())


@task
def continue_bulk_actions() -> None:
    """Those whose worker died, or whose time was up."""
    seen: list[int] = []

    def next_one() -> int:
        nobody_at_it = Q(lease_until__isnull=True) | Q(lease_until__lte=timezone.now())
        waiting = BulkAction.objects.being_prepared() | BulkAction.objects.under_way()
        found = waiting.filter(nobody_at_it).exclude(pk__in=seen).order_by("pk").values_list("pk", "state").first()
        if found is None:
            return 0
        pk, state = found
        seen.append(pk)
        (apply_bulk_action if state == BulkAction.State.APPLYING else prepare_bulk_action)(pk)
        return 1

    run_until_done("continue confirmations", next_one)
