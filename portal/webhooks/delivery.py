"""Deliver messages to their receivers: at least once, and in order for each ordering key and endpoint.

A delivery is claimed before it is sent and recorded afterwards. If the worker dies in between, another one sends the
message again with the same id. A delivery is only sent when no earlier one of its ordering key is pending. Many
requests run at once, a limited number for each endpoint, and none inside a transaction.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import datetime

from django.db.models import Exists, OuterRef

from portal.jobs.claims import claim, unclaimed
from portal.jobs.runner import BUDGET_SECONDS
from portal.models import WebhookDelivery, WebhookEndpoint
from portal.webhooks.http import TIMEOUTS, Sender, SendResult, Timeouts, WebhookRequest
from portal.webhooks.results import JITTER, InFlight, record_results

MAX_IN_FLIGHT_PER_ENDPOINT = 16
MAX_IN_FLIGHT = 200
# How often new deliveries are looked for while requests are running.
POLL_SECONDS = 0.5
# Results that arrive within this time are recorded together: the queries cost as much for one as for many.
BATCH_SECONDS = 0.03
# Wait for a retry that is due within this time instead of leaving it to the next run.
WAIT_FOR_RETRY_SECONDS = 10


def deliver(
    *,
    clock: Callable[[], datetime],
    budget_seconds: float = BUDGET_SECONDS,
    wait_for_retry_seconds: float = WAIT_FOR_RETRY_SECONDS,
    timeouts: Timeouts = TIMEOUTS,
) -> int:
    """Send what is due until nothing is left or the time is up; return the number of requests.

    A retry that is due within `wait_for_retry_seconds` is waited for.
    """
    sent_count, deadline, retry_at = 0, time.monotonic() + budget_seconds, 0.0
    in_flight: dict[Future[SendResult], InFlight] = {}
    with Sender(timeouts) as sender:
        while True:
            if time.monotonic() < deadline:
                in_flight |= send_due_deliveries(sender, in_flight.values(), clock())
            if not in_flight:
                pause = retry_at - time.monotonic()
                if pause <= 0 or retry_at > deadline:
                    return sent_count
                time.sleep(pause)
                retry_at = 0.0
            elif wait(in_flight, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                done = wait(in_flight, timeout=BATCH_SECONDS).done
                delay = record_results([(in_flight.pop(future), future.result()) for future in done], clock())
                sent_count += len(done)
                if delay is not None and delay.total_seconds() <= wait_for_retry_seconds:
                    # The endpoint backs off by a random delay of its own, which may be this much longer.
                    retry_at = time.monotonic() + delay.total_seconds() / (1 - JITTER)


def send_due_deliveries(
    sender: Sender, in_flight: Collection[InFlight], now: datetime
) -> dict[Future[SendResult], InFlight]:
    """Claim the deliveries that may be sent in addition to those in flight, and start sending them."""
    return {sender.send(_build_request(claimed, now)): claimed for claimed in _claim_due(in_flight, now)}


def _claim_due(in_flight: Collection[InFlight], now: datetime) -> list[InFlight]:
    """Claim due deliveries within the limits. A failing endpoint gets one request at a time, until it succeeds."""
    per_endpoint = Counter(sent.endpoint.pk for sent in in_flight)
    free = MAX_IN_FLIGHT - len(in_flight)
    claimed: list[InFlight] = []
    if free <= 0:
        return claimed
    for endpoint in _endpoints_with_due_deliveries(now)[:MAX_IN_FLIGHT]:
        limit = 1 if endpoint.consecutive_failures else MAX_IN_FLIGHT_PER_ENDPOINT
        slots = min(limit - per_endpoint[endpoint.pk], free - len(claimed))
        if slots > 0:
            claimed += _claim_for_endpoint(endpoint, now, limit=slots)
    return claimed


def _endpoints_with_due_deliveries(now: datetime) -> list[WebhookEndpoint]:
    ready = WebhookDelivery.objects.ready(now).filter(unclaimed(now))
    return list(WebhookEndpoint.objects.filter(Exists(ready.filter(endpoint=OuterRef("pk")))).order_by("pk"))


def _claim_for_endpoint(endpoint: WebhookEndpoint, now: datetime, *, limit: int) -> list[InFlight]:
    token, ids = claim(WebhookDelivery.objects.due(now).filter(endpoint=endpoint), now=now, limit=limit)
    claimed = WebhookDelivery.objects.filter(pk__in=ids, lease_token=token).select_related("message", "endpoint")
    return [InFlight(delivery, token) for delivery in claimed.order_by("pk")] if ids else []


def _build_request(claimed: InFlight, now: datetime) -> WebhookRequest:
    endpoint, message = claimed.endpoint, claimed.delivery.message
    return WebhookRequest(endpoint.url, message.event_id, message.payload, endpoint.get_signing_secrets(now))
