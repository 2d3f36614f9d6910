"""Withdrawal of requests that are no longer needed: registrations of numbers, and submissions of cases."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet

from reputation.models import Registration, Submission
from reputation.providers.client import CallResult, ProviderClient
from reputation.providers.connections import get_assigned_providers, group_by_connection
from reputation.service_clock import days

logger = logging.getLogger(__name__)

Request = TypeVar("Request", Registration, Submission)


def withdraw_chunk(
    withdrawing: QuerySet[Request],
    *,
    role: str,
    now: datetime,
    limit: int,
    retry_days: float,
    find_shared: Callable[[Sequence[Request]], set[int]] | None = None,
    **values: Any,
) -> int:
    """Withdraws up to `limit` due requests at their engines; returns how many it tried.

    They go to the provider that has the `role` for their engine, over the connection of their account (select the case
    of submissions with them).
    `find_shared` returns the ids of requests that must not be withdrawn at the engine, because another row needs them;
    these count as withdrawn. `values` are written with the state *withdrawn*. A request without an answer is retried
    after `retry_days` of the service's clock.
    """
    due = withdrawing.filter(next_action_at__lte=now)
    requests = list(due.order_by("next_action_at", "pk")[:limit])
    if not requests:
        return 0
    withdrawn = find_shared(requests) if find_shared else set()
    withdrawn |= _withdraw_at_engines([request for request in requests if request.pk not in withdrawn], role, now)
    rows = withdrawing.filter(pk__in=[request.pk for request in requests])
    rows.filter(pk__in=withdrawn).update(state="withdrawn", next_action_at=None, **values)
    rows.update(next_action_at=now + days(retry_days))
    logger.info(
        "withdraw: %s of %s %s withdrawn", len(withdrawn), len(requests), withdrawing.model._meta.verbose_name_plural
    )
    return len(requests)


def _withdraw_at_engines(requests: Sequence[Request], role: str, now: datetime) -> set[int]:
    """The ids of the requests that are withdrawn now, or that cannot be withdrawn any more."""
    client = ProviderClient(now)
    providers = get_assigned_providers(role)
    # The provider is no longer in use: there is nobody to tell.
    withdrawn = {request.pk for request in requests if request.engine_id not in providers}
    for connection, of_connection in group_by_connection(requests, role).items():
        by_reference: dict[str, list[int]] = defaultdict(list)
        for request in of_connection:
            by_reference[request.reference].append(request.pk)
        result: CallResult = client.call(connection, "withdraw", list(by_reference))
        # A refusal is final: the engine would refuse again.
        for reference in (*(answer.reference for answer in result.answers), *(item for item, _ in result.refused)):
            withdrawn.update(by_reference.get(reference, ()))
    return withdrawn
