"""Bulk actions that are too large for a person to wait for: started when confirmed, continued by the next sweep."""

import time

from django.utils import timezone

from portal.audit import Context
from portal.jobs.claims import unclaimed
from portal.jobs.runner import BUDGET_SECONDS, continue_later, enqueue_again, run_exclusively, task
from reputation.bulk_actions import actions
from reputation.models import BulkAction
from reputation.models.bulk_actions import BulkActionQuerySet

State = BulkAction.State


@task
def apply_bulk_action(pk: int) -> None:
    """Apply one confirmed bulk action, unless it is done or another worker holds it."""
    bulk_action = BulkAction.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.apply(bulk_action, context=Context(bulk_action.confirming_actor, timezone.now()))
    _continue_if_waiting(pk, State.APPLYING)


@task
def prepare_bulk_action(pk: int) -> None:
    """Continue the snapshot of one bulk action, unless it is complete or another worker holds it."""
    bulk_action = BulkAction.objects.select_related("account", "user", "campaign").get(pk=pk)
    actions.prepare(bulk_action, now=timezone.now())
    _continue_if_waiting(pk, State.PREPARING)


def _continue_if_waiting(pk: int, state: str) -> None:
    """Queue the task again, unless the bulk action is in another state by now, or another worker holds it."""
    if _get_waiting().filter(pk=pk, state=state).exists():
        continue_later()


@task
def continue_bulk_actions() -> None:
    """The sweep: continue those whose worker was killed, and those that the queue lost."""
    until = time.monotonic() + BUDGET_SECONDS
    with run_exclusively("continue bulk actions") as lease:
        for pk, state in _get_waiting().order_by("pk").values_list("pk", "state") if lease else ():
            run = apply_bulk_action if state == State.APPLYING else prepare_bulk_action
            if time.monotonic() < until:
                run(pk)
            else:
                enqueue_again(f"{run.__module__}.{run.__qualname__}", pk)


def _get_waiting() -> BulkActionQuerySet:
    """The unfinished bulk actions that no worker holds."""
    unfinished = BulkAction.objects.preparing() | BulkAction.objects.in_progress()
    return unfinished.filter(unclaimed(timezone.now()))
