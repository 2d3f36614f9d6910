"""Work of tasks: nothing waits or lasts too long, and a claim has an end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import F, Model, Q, QuerySet

from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED
from portal.jobs.work import late_work
from portal.models import Claimable, IdempotentResponse
from reputation.invariants.registry import Invariant
from reputation.models import BulkAction, CoverageLoss, NumberImport, TestCall, TestRound

# Nothing that a worker does for one person or account takes as long, however much it is.
MAX_DURATION = timedelta(days=1)
# No worker claims a row for as long. A claim beyond was made while a clock was wrong, and keeps everybody else away.
MAX_CLAIM = timedelta(hours=1)


def _find_late_work(now: datetime) -> list[str]:
    """One query for each kind of work."""
    return [f"{work.kind.label} (since {work.since:%Y-%m-%d %H:%M} UTC)" for work in late_work(now)]


def _get_claimable() -> list[type[Model]]:
    return [model for model in apps.get_models() if issubclass(model, Claimable)]


def _find_claims_without_end(now: datetime) -> list[str]:
    """One query for each table that has claims. An end without a claim is a pause: nobody takes the row before it."""
    return _find_claims(~Q(lease_token="") & Q(lease_until__isnull=True))


def _find_endless_claims(now: datetime) -> list[str]:
    return _find_claims(Q(lease_until__gt=now + MAX_CLAIM))


def _find_claims(condition: Q) -> list[str]:
    return [
        f"{model._meta.label_lower} {pk}"
        for model in _get_claimable()
        for pk in model._base_manager.filter(condition).values_list("pk", flat=True)[:1_000]
    ]


def _release(keys: Sequence[Any], now: datetime) -> None:
    """Ends the claims. A worker that still works on such a row loses it, and changes nothing more."""
    for key in keys:
        label, pk = key.split(" ", 1)
        apps.get_model(label)._base_manager.filter(pk=pk).update(**RELEASED)


def _find_endless_imports(now: datetime) -> QuerySet[NumberImport]:
    since = now - MAX_DURATION
    reading = Q(state__in=(NumberImport.State.RECEIVED, NumberImport.State.READING), received_at__lte=since)
    applying = Q(state=NumberImport.State.APPLYING, confirmed_at__lte=since)
    return NumberImport.objects.filter(reading | applying)


def _find_wrong_import_ends(now: datetime) -> QuerySet[NumberImport]:
    going_on = Q(state__in=(*NumberImport.UNCONFIRMED, NumberImport.State.APPLYING))
    return NumberImport.objects.filter((going_on & Q(ended_at__isnull=False)) | (~going_on & Q(ended_at__isnull=True)))


def _find_endless_bulk_actions(now: datetime) -> QuerySet[BulkAction]:
    since = now - MAX_DURATION
    preparing = Q(state=BulkAction.State.PREPARING, created_at__lte=since)
    return BulkAction.objects.filter(preparing | Q(state=BulkAction.State.APPLYING, confirmed_at__lte=since))


def _find_wrong_bulk_action_ends(now: datetime) -> QuerySet[BulkAction]:
    done = Q(state=BulkAction.State.DONE)
    unconfirmed = Q(state__in=(BulkAction.State.PREPARING, BulkAction.State.READY), confirmed_at__isnull=False)
    return BulkAction.objects.filter(
        (done & Q(ended_at__isnull=True))
        | (~done & Q(ended_at__isnull=False))
        | unconfirmed
        | Q(state=BulkAction.State.READY, apply_immediately=True)
        | Q(state=BulkAction.State.APPLYING, confirmed_at__isnull=True)
    )


def _find_endless_losses(now: datetime) -> QuerySet[CoverageLoss]:
    return CoverageLoss.objects.unfinished().filter(created_at__lte=now - MAX_DURATION)


def _find_endless_requests(now: datetime) -> QuerySet[IdempotentResponse]:
    return IdempotentResponse.objects.filter(completed_at__isnull=True, started_at__lte=now - 2 * MAX_DURATION)


def _delete_requests(ids: Sequence[Any], now: datetime) -> None:
    """Lets the caller send the request again."""
    IdempotentResponse.objects.filter(pk__in=in_list(ids), completed_at__isnull=True).delete()


def _find_wrong_test_calls(now: datetime) -> QuerySet[TestCall]:
    planned, answered = Q(state=TestCall.State.PLANNED), Q(state__in=TestCall.ANSWERED)
    return TestCall.objects.filter(
        (planned & Q(round__ended_at__isnull=False))
        | (answered & (Q(result="") | Q(answered_at__isnull=True)))
        | ~Q(round__account=F("account"))
    )


def _drop_test_calls(ids: Sequence[Any], now: datetime) -> None:
    left = TestCall.objects.filter(
        pk__in=in_list(ids), state=TestCall.State.PLANNED, round__in=TestRound.objects.filter(ended_at__isnull=False)
    )
    left.update(state=TestCall.State.DROPPED, **RELEASED)


INVARIANTS = (
    Invariant("late_work", "No work is due for longer than its bound.", _find_late_work),
    Invariant("claims", "A claim of a worker has an end.", _find_claims_without_end, _release),
    Invariant("claims_end", "A claim of a worker ends within an hour.", _find_endless_claims, _release),
    Invariant("imports_end", "No import is read or applied for more than a day.", _find_endless_imports),
    Invariant("import_ends", "An import has an end if and only if it has ended.", _find_wrong_import_ends),
    Invariant(
        "bulk_actions_end", "No bulk action is prepared or applied for more than a day.", _find_endless_bulk_actions
    ),
    Invariant(
        "bulk_action_ends",
        "A bulk action has an end if and only if it is done, is applied only once it is confirmed, and waits for a "
        "confirmation only if somebody is asked for it.",
        _find_wrong_bulk_action_ends,
    ),
    Invariant("coverage_losses_end", "The end of a licence is dealt with within a day.", _find_endless_losses),
    Invariant(
        "api_requests_end",
        "No request to the API is in progress for more than two days.",
        _find_endless_requests,
        _delete_requests,
    ),
    Invariant(
        "test_calls",
        "A test call is planned only in a round that goes on, and one that was made has a result.",
        _find_wrong_test_calls,
        _drop_test_calls,
    ),
)
