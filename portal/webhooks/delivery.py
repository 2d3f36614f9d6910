"""How messages get to their receivers: at least once, in order for each number and endpoint, and patiently.

A delivery is claimed before it is sent and noted as delivered after, so that whoever dies in between leaves it to the
next: then it is sent twice, which its id tells. Nothing earlier of its lane may be pending, whoever works on it. The
network is used outside any transaction, by many exchanges at once, a few of them for any one endpoint.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce

from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.jobs.claims import claim
from portal.jobs.runner import BUDGET_SECONDS
from portal.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from portal.webhooks import endpoints
from portal.webhooks.http import Sender, SendResult, WebhookRequest

logger = logging.getLogger(__name__)

# Between the attempts: 5 seconds, 5 and 30 minutes, and then hours. Just under three days in all.
RETRY_DELAYS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 72_000)
MAX_IN_FLIGHT_PER_ENDPOINT = 16
MAX_IN_FLIGHT = 200
# How often new ones are looked for while others are under way, and how long it is worth to wait for a second attempt.
POLL_SECONDS = 0.5
# Those that land at about the same time are noted together: a round of queries costs as much for one as for many.
BATCH_SECONDS = 0.03
WAIT_FOR_RETRY_SECONDS = 10

State = WebhookDelivery.State


@dataclass(frozen=True)
class InFlight:
    """A delivery under way. `failures` is how the endpoint stood when it was claimed."""

    delivery: WebhookDelivery
    token: str

    @property
    def endpoint(self) -> WebhookEndpoint:
        return self.delivery.endpoint


def retry_delay(attempts: int) -> timedelta | None:
    """How long until the next attempt after so many in a row that failed (None: no more), on the service's clock.

    A little less each time than the table says, by chance, so that receivers that fail together do not return together.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    return settings.SERVICE_DAY * (RETRY_DELAYS[max(attempts, 1) - 1] / 86_400) * random.uniform(0.9, 1)


def deliver(
    *,
    clock: Callable[[], datetime],
    budget_seconds: float = BUDGET_SECONDS,
    linger_seconds: float = WAIT_FOR_RETRY_SECONDS,
) -> int:
    """Sends what is due until nothing is, or time is up; returns how many exchanges there were.

    `linger_seconds`: what failed and may be tried again so soon is waited for.
    """
    tried, until, again_at = 0, time.monotonic() + budget_seconds, 0.0
    flying: dict[Future[SendResult], InFlight] = {}
    with Sender() as courier:
        while True:
            if time.monotonic() < until:
                for flight in _claim_due([*flying.values()], clock()):
                    flying[courier.send(_build_request(flight, clock()))] = flight
            if not flying:
                pause = again_at - time.monotonic()
                if pause <= 0 or again_at > until:
                    return tried
                time.sleep(pause)
                again_at = 0.0
                continue
            if wait(flying, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                landed = wait(flying, timeout=BATCH_SECONDS).done
                soon = _record_results([(flying.pop(future), future.result()) for future in landed], clock())
                tried += len(landed)
                if soon is not None and soon.total_seconds() <= linger_seconds:
                    # The endpoint rests by a time of its own, which chance may have made a tenth longer.
                    again_at = time.monotonic() + soon.total_seconds() / 0.9


# Taking off ----------------------------------------------------------------------------------------------------------


def _claim_due(flying: Sequence[InFlight], now: datetime) -> list[InFlight]:
    """Claims what may be sent besides what is under way. An endpoint that did not take the last one gets a single one,
    to see whether it is back."""
    busy = Counter(flight.endpoint.pk for flight in flying)
    free = MAX_IN_FLIGHT - len(flying)
    taken: list[InFlight] = []
    if free <= 0:
        return taken
    for endpoint in _endpoints_with_due_deliveries(now)[:MAX_IN_FLIGHT]:
        slots = (1 if endpoint.failures else MAX_IN_FLIGHT_PER_ENDPOINT) - busy[endpoint.pk]
        if slots > 0 and len(taken) < free:
            taken += _claim_for_endpoint(endpoint, now, most=min(slots, free - len(taken)))
    return taken


def _endpoints_with_due_deliveries(now: datetime) -> list[WebhookEndpoint]:
    unclaimed = WebhookDelivery.objects.in_time(now).filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
    return list(WebhookEndpoint.objects.filter(Exists(unclaimed.filter(endpoint=OuterRef("pk")))).order_by("pk"))


def _claim_for_endpoint(endpoint: WebhookEndpoint, now: datetime, *, most: int) -> list[InFlight]:
    token, ids = claim(WebhookDelivery.objects.due(now).filter(endpoint=endpoint), now=now, most=most)
    claimed = WebhookDelivery.objects.filter(pk__in=ids, lease_token=token).select_related("message", "endpoint")
    return [InFlight(delivery, token) for delivery in claimed.order_by("pk")] if ids else []


def _build_request(flight: InFlight, now: datetime) -> WebhookRequest:
    message = flight.delivery.message
    return WebhookRequest(flight.endpoint.url, message.event_id, message.payload, flight.endpoint.secrets_at(now))


# Landing -------------------------------------------------------------------------------------------------------------


def _record_results(landed: Sequence[tuple[InFlight, SendResult]], now: datetime) -> timedelta | None:
    """Writes down what came of it; a delivery that somebody else took over, or that is gone, is left alone. Returns
    after how long the first of those that failed may be tried again."""
    with transaction.atomic():
        # Endpoints before deliveries, as where a person resumes one, or each could wait for the other.
        about = WebhookEndpoint.objects.filter(pk__in={flight.endpoint.pk for flight, _ in landed})
        list(about.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        mine = _still_claimed(landed)
        insert_rows(WebhookAttempt, [_attempt_values(flight, outcome, now) for flight, outcome in mine])
        rows = [_delivery_values(flight, outcome, now) for flight, outcome in mine]
        update_rows(WebhookDelivery, rows)
        of_endpoint: dict[int, list[tuple[InFlight, SendResult]]] = defaultdict(list)
        for flight, outcome in mine:
            of_endpoint[flight.endpoint.pk].append((flight, outcome))
        for pk in sorted(of_endpoint):
            _update_endpoint(of_endpoint[pk], now)
    waits = [row["next_action_at"] - now for row in rows if row["next_action_at"]]
    return min(waits, default=None)


def _still_claimed(landed: Sequence[tuple[InFlight, SendResult]]) -> list[tuple[InFlight, SendResult]]:
    rows = WebhookDelivery.objects.filter(pk__in=[flight.delivery.pk for flight, _ in landed])
    held = dict(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", "lease_token"))
    return [(flight, outcome) for flight, outcome in landed if held.get(flight.delivery.pk) == flight.token]


def _attempt_values(flight: InFlight, outcome: SendResult, now: datetime) -> dict[str, object]:
    return {
        "delivery_id": flight.delivery.pk,
        "at": now,
        "status": outcome.status,
        "said": outcome.said,
        "duration_ms": outcome.duration_ms,
        "answer": outcome.answer,
    }


def _delivery_values(flight: InFlight, outcome: SendResult, now: datetime) -> dict[str, object]:
    delivery = flight.delivery
    if outcome.is_delivered or delivery.once:
        state, ended_at, again = State.DELIVERED if outcome.is_delivered else State.FAILED, now, None
    else:
        pause = retry_delay(delivery.attempts)
        state, ended_at, again = State.PENDING, None, now + pause if pause else now
    return {
        "id": delivery.pk,
        "state": str(state),
        "ended_at": ended_at,
        "next_action_at": again,
        "lease_until": None,
        "lease_token": "",
        "last_said": outcome.said,
    }


def _update_endpoint(flights: Sequence[tuple[InFlight, SendResult]], now: datetime) -> None:
    """How the endpoint stands after these: well, to be left in peace for a while, or paused.

    The endpoint rests as a whole: one that is down for a day is asked ten times, and not ten times for each message.
    Failures that belong together count once: only the first that finds the count as it was adds to it.
    """
    endpoint, last = flights[-1][0].endpoint, flights[-1][1]
    row = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    row.update(last_sent_at=now, last_said=last.said)
    if any(outcome.is_gone for _, outcome in flights):
        endpoints.pause_unreachable(endpoint, because=endpoints.RECEIVER_GONE, context=Context.system(now))
        return
    if any(outcome.is_delivered for _, outcome in flights):
        if row.filter(failures__gt=0).update(failures=0, failing_since=None, rests_until=None):
            waiting = WebhookDelivery.objects.pending().filter(endpoint=endpoint, lease_token="", attempts__gt=0)
            waiting.filter(next_action_at__gt=now).update(next_action_at=now)
        return
    in_turn = [(flight, outcome) for flight, outcome in flights if not flight.delivery.once]
    if not in_turn:
        return
    failures = endpoint.failures + 1
    pause = retry_delay(failures)
    row.filter(failures=endpoint.failures).update(
        failures=failures,
        failing_since=Coalesce("failing_since", Value(now)),
        rests_until=now + pause if pause else None,
    )
    if pause is None or any(retry_delay(flight.delivery.attempts) is None for flight, _ in in_turn):
        endpoints.pause_unreachable(
            endpoint, because=endpoints.RECEIVER_FAILING.format(said=last.said), context=Context.system(now)
        )
