"""Record the results of requests: attempts, retries, and endpoints that back off or are paused."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.jobs.claims import RELEASED
from portal.jobs.totals import Total
from portal.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from portal.webhooks import endpoints

if TYPE_CHECKING:  # every process imports this module, and few need the HTTP client
    from portal.webhooks.http import SendResult

# Seconds between attempts: 5 seconds, 5 and 30 minutes, then hours. Just under three days in total.
RETRY_DELAYS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 72_000)
# Delays are shortened by up to this share at random, so that receivers that fail together do not return together.
JITTER = 0.1

State = WebhookDelivery.State
ATTEMPTS: Final = Total("portal_webhook_attempts", "Requests to receivers of webhooks.", ("outcome",))


@dataclass(frozen=True)
class InFlight:
    """A claimed delivery that is being sent, with the token of its lease."""

    delivery: WebhookDelivery
    token: str

    @property
    def endpoint(self) -> WebhookEndpoint:
        """The endpoint as it was when the delivery was claimed."""
        return self.delivery.endpoint


Result = tuple[InFlight, "SendResult"]


def retry_delay(attempts: int) -> timedelta | None:
    """Return the delay after this many failed attempts, in days of the service, or None after the last attempt."""
    if attempts > len(RETRY_DELAYS):
        return None
    seconds = RETRY_DELAYS[max(attempts, 1) - 1]
    return settings.SERVICE_DAY * (seconds / 86_400) * random.uniform(1 - JITTER, 1)


def record_results(results: Sequence[Result], now: datetime) -> timedelta | None:
    """Record the results of deliveries whose lease is still held; return the shortest delay until a retry."""
    with transaction.atomic():
        # Lock endpoints before deliveries, as resume() does, so that the two cannot deadlock.
        used = WebhookEndpoint.objects.filter(pk__in={sent.endpoint.pk for sent, _ in results})
        list(used.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        held = _still_claimed(results)
        insert_rows(WebhookAttempt, [_attempt_values(sent, result, now) for sent, result in held])
        rows = [_delivery_values(sent, result, now) for sent, result in held]
        update_rows(WebhookDelivery, rows)
        by_endpoint: dict[int, list[Result]] = defaultdict(list)
        for sent, result in held:
            by_endpoint[sent.endpoint.pk].append((sent, result))
        for pk in sorted(by_endpoint):
            _update_endpoint(by_endpoint[pk], now)
    for _, result in held:
        ATTEMPTS.add("delivered" if result.is_delivered else "failed")
    return min((row["next_action_at"] - now for row in rows if row["next_action_at"]), default=None)


def _still_claimed(results: Sequence[Result]) -> list[Result]:
    """Leave out deliveries that another worker took over or that were deleted."""
    rows = WebhookDelivery.objects.filter(pk__in=[sent.delivery.pk for sent, _ in results])
    tokens = dict(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", "lease_token"))
    return [(sent, result) for sent, result in results if tokens.get(sent.delivery.pk) == sent.token]


def _attempt_values(sent: InFlight, result: SendResult, now: datetime) -> dict[str, object]:
    return {
        "delivery_id": sent.delivery.pk,
        "at": now,
        "status_code": result.status_code,
        "summary": result.summary,
        "duration_ms": result.duration_ms,
        "response_body": result.response_body,
    }


def _delivery_values(sent: InFlight, result: SendResult, now: datetime) -> dict[str, Any]:
    delivery = sent.delivery
    ended_at, next_action_at = None, None
    if result.is_delivered or delivery.is_manual:
        state, ended_at = State.DELIVERED if result.is_delivered else State.FAILED, now
    else:
        delay = retry_delay(delivery.attempts)
        state, next_action_at = State.PENDING, now + delay if delay else now
    return {
        "id": delivery.pk,
        "state": str(state),
        "ended_at": ended_at,
        "next_action_at": next_action_at,
        "last_summary": result.summary,
        **RELEASED,
    }


def _update_endpoint(results: Sequence[Result], now: datetime) -> None:
    """Clear the endpoint's failures, make it back off, or pause it."""
    endpoint, last = results[-1][0].endpoint, results[-1][1]
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(last_sent_at=now, last_summary=last.summary)
    if any(result.is_gone for _, result in results):
        endpoints.pause_unreachable(endpoint, reason=endpoints.RECEIVER_GONE, context=Context.system(now))
    elif any(result.is_delivered for _, result in results):
        _clear_failures(endpoint, now)
    elif failed := [sent for sent, _ in results if not sent.delivery.is_manual]:
        _count_failure(endpoint, failed, last, now)


def _clear_failures(endpoint: WebhookEndpoint, now: datetime) -> None:
    """After a success, retry at once what waits for a later attempt."""
    failing = WebhookEndpoint.objects.filter(pk=endpoint.pk, consecutive_failures__gt=0)
    if failing.update(consecutive_failures=0, failing_since=None, backoff_until=None):
        waiting = WebhookDelivery.objects.pending().filter(endpoint=endpoint, lease_token="", attempts__gt=0)
        waiting.filter(next_action_at__gt=now).update(next_action_at=now)


def _count_failure(endpoint: WebhookEndpoint, failed: Sequence[InFlight], last: SendResult, now: datetime) -> None:
    """Make the endpoint back off, or pause it after the last attempt.

    The endpoint backs off as a whole: one that is down for a day gets about ten requests, not ten for each message.
    Failures of requests that ran at the same time count once: only the first one finds the count unchanged.
    """
    failures = endpoint.consecutive_failures + 1
    delay = retry_delay(failures)
    WebhookEndpoint.objects.filter(pk=endpoint.pk, consecutive_failures=endpoint.consecutive_failures).update(
        consecutive_failures=failures,
        failing_since=Coalesce("failing_since", Value(now)),
        backoff_until=now + delay if delay else None,
    )
    if delay is None or any(retry_delay(sent.delivery.attempts) is None for sent in failed):
        reason = endpoints.RECEIVER_FAILING.format(summary=last.summary)
        endpoints.pause_unreachable(endpoint, reason=reason, context=Context.system(now))
