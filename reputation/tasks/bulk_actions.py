"""Bulk actions that are too large for a person to wait for: started when confirmed, continued by the next sweep."""

from django.utils import timezone

from portal.audit import Context
from portal.jobs.claims import unclaimed
from portal.jobs.runner import run_until_done, task
from reputation.bulk_actions import actions
from reputation.models import BulkAction


@task
def apply_bulk_action(pk: int) -> None:
    """Apply one confirmed bulk action, unless it is done or another worker holds it."""
    bulk_action = BulkAction.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.apply(bulk_action, context=Context(bulk_action.confirming_actor, timezone.now()))


@task
def prepare_bulk_action(pk: int) -> None:
    """Continue the snapshot of one bulk action, unless it is complete or another worker holds it."""
    bulk_action = BulkAction.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.prepare(bulk_action, now=timezone.now())


@task
def continue_bulk_actions() -> None:
    """The sweep: continue those whose worker was killed, or whose time was up."""
    seen: list[int] = []

    def step() -> int:
        waiting = BulkAction.objects.preparing() | BulkAction.objects.in_progress()
        free = waiting.filter(unclaimed(timezone.now())).exclude(pk__in=seen)
        found = free.order_by("pk").values_list("pk", "state").first()
        if found is None:
            return 0
        pk, state = found
        seen.append(pk)
        (apply_bulk_action if state == BulkAction.State.APPLYING else prepare_bulk_action)(pk)
        return 1

    run_until_done("continue bulk actions", step)
