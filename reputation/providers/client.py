"""The client through which tasks call providers: in batches of the provider's size, with a circuit breaker.

A failing operation of a connection is not called again until its backoff ends; other connections go on. Calls may take
seconds, so make none inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import Error
from django.db.models import F

from portal.db.outages import is_outage
from reputation.metrics import count_provider_call, note_provider_call
from reputation.models import CircuitBreaker, Connection
from reputation.providers.protocol import (
    EngineResponse,
    Provider,
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    Stage,
)
from reputation.providers.registry import create_provider, get_providers
from reputation.providers.time_limit import time_limit
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# The backoff of a failing operation doubles with each consecutive failure. Days of the service's clock.
INITIAL_BACKOFF_DAYS = 1 / 288  # five minutes
MAX_BACKOFF_DAYS = 1 / 4
# A call that does not end by its own time-out is cut off so much later.
EXTRA_SECONDS = 1


@dataclass
class CallResult:
    """The answers of a call, the items that were refused, with the reason, and when to call again.

    `retry_at` is set if some items were not asked about, because the operation fails.
    """

    answers: list[Any] = field(default_factory=list)
    refused: list[tuple[Any, str]] = field(default_factory=list)
    retry_at: datetime | None = None

    def iter_refusals(self) -> Iterator[tuple[Any, EngineResponse]]:
        """Each refused item with the response that an engine would have given to refuse it."""
        for item, reason in self.refused:
            yield item, EngineResponse(Stage.REFUSED, reason=reason)


class ProviderClient:
    """Calls providers over connections, as of `now`. Create one for each chunk of work; one query."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.circuit_breakers = {
            (breaker.connection_id, breaker.operation): breaker for breaker in CircuitBreaker.objects.all()
        }

    def retry_at(self, connection: Connection, operation: str) -> datetime | None:
        """When a failing operation may be called again. None means now."""
        breaker = self.circuit_breakers.get((connection.pk, operation))
        return breaker.retry_at if breaker and breaker.retry_at > self.now else None

    def get_price(self, connection: Connection, operation: str, count: int) -> Decimal:
        """What a call with `count` items costs in US dollars, by the provider's price list."""
        return get_providers()[connection.provider].prices.get_price(operation, count)

    def call(self, connection: Connection, operation: str, items: Sequence[Any]) -> CallResult:
        """Calls `operation` (look_up, verify, submit, poll or withdraw) with all `items`, in batches.

        Stops at the first batch that fails.
        """
        result = CallResult(retry_at=self.retry_at(connection, operation))
        if result.retry_at or not items:
            return result
        if price := self.get_price(connection, operation, len(items)):
            logger.info("%s: %s of %s items costs up to $%s", connection, operation, len(items), price)
        try:
            provider = _create_provider(connection)
            call_in_batches(provider, operation, items, result)
        except ProviderError as failure:
            result.retry_at = self._record_failure(connection, operation, failure)
        else:
            self._record_recovery(connection, operation)
        cost = sum((answer.cost for answer in result.answers), Decimal(0))
        is_failed = result.retry_at is not None
        count_provider_call(connection.provider, operation, cost=cost, is_failed=is_failed)
        note_provider_call(connection.pk, operation, is_failed=is_failed, at=self.now)
        if cost:
            logger.info("%s: %s of %s cost $%s", connection, operation, len(result.answers), cost)
        return result

    def _record_failure(self, connection: Connection, operation: str, failure: ProviderError) -> datetime:
        """Opens the circuit breaker; returns when to retry: the vendor's own time, or twice the last backoff."""
        known = self.circuit_breakers.get((connection.pk, operation))
        failures = known.failures + 1 if known else 1
        backoff = days(min(INITIAL_BACKOFF_DAYS * 2 ** min(failures - 1, 20), MAX_BACKOFF_DAYS))
        level = logging.WARNING
        if isinstance(failure, ProviderMisconfigured):
            backoff, level = days(MAX_BACKOFF_DAYS), logging.ERROR
        retry_at = self.now + backoff
        if isinstance(failure, ProviderUnavailable) and failure.retry_at:
            retry_at = max(failure.retry_at, self.now + days(INITIAL_BACKOFF_DAYS))
        logger.log(level, "%s: %s failed (%s), next try at %s", connection, operation, failure.message, retry_at)
        breaker, _ = CircuitBreaker.objects.update_or_create(
            connection=connection,
            operation=operation,
            defaults={"failures": F("failures") + 1, "retry_at": retry_at, "reason": failure.message[:300]},
            create_defaults={"opened_at": self.now, "retry_at": retry_at, "reason": failure.message[:300]},
        )
        breaker.failures = failures
        self.circuit_breakers[connection.pk, operation] = breaker
        return retry_at

    def _record_recovery(self, connection: Connection, operation: str) -> None:
        if breaker := self.circuit_breakers.pop((connection.pk, operation), None):
            CircuitBreaker.objects.filter(connection=connection, operation=operation).delete()
            logger.info("%s: %s works again, after failing since %s", connection, operation, breaker.opened_at)


def call_in_batches(provider: Provider, operation: str, items: Sequence[Any], result: CallResult) -> None:
    """Calls `operation` in batches, and adds the answers and refusals to `result`; raises ProviderError.

    A batch that the provider refuses as a whole is split in two, until only the refused items are left out. Drops
    answers about items that were not asked for.
    """
    size = getattr(provider.limits, operation)
    batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
    while batches:
        batch = batches[0]
        try:
            answers = _call_batch(provider, operation, batch)
        except ProviderRefused as refusal:
            if len(batch) > 1:
                batches[:1] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                continue
            result.refused.append((batch[0], refusal.message))
            answers = []
        result.answers += _select_requested(provider, operation, batch, answers)
        del batches[0]


def _call_batch(provider: Provider, operation: str, batch: list[Any]) -> list[Any]:
    """The answers. Raises ProviderError, whatever the provider raises, and an outage of the portal's own database."""
    try:
        with time_limit(provider.limits.timeout + EXTRA_SECONDS):
            return list(getattr(provider, operation)(batch))
    except ProviderError:
        raise
    except OSError as error:  # the base of time-outs and connection errors in socket, ssl, urllib, requests, httpx
        raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
    except Exception as error:
        if isinstance(error, Error) and is_outage(error):
            raise
        logger.exception("%s: %s failed unexpectedly", provider.name, operation)
        raise ProviderUnavailable(f"Unexpected {type(error).__name__}: {error}") from error


# The field of an answer that names its item, and the field of the item that it names (empty: the item itself).
_ITEM_FIELDS = {
    "look_up": ("number", ""),
    "verify": ("number", ""),
    "submit": ("idempotency_key", "idempotency_key"),
    "poll": ("reference", ""),
    "withdraw": ("reference", ""),
}


def _select_requested(provider: Provider, operation: str, batch: list[Any], answers: list[Any]) -> list[Any]:
    """Without answers about items that are not in the batch: they may be another customer's."""
    of_answer, of_item = _ITEM_FIELDS[operation]
    requested = {getattr(item, of_item) if of_item else item for item in batch}
    selected = [answer for answer in answers if getattr(answer, of_answer, None) in requested]
    if ignored := len(answers) - len(selected):
        logger.warning("%s: ignored %s answers of %s about items not asked for", provider.name, ignored, operation)
    return selected


def _create_provider(connection: Connection) -> Provider:
    """The provider for the connection. Wrong settings are a failure of the connection, not of the sweep."""
    try:
        return create_provider(connection)
    except ProviderError:
        raise
    except Exception as error:
        logger.exception("%s cannot be set up", connection)
        raise ProviderMisconfigured(f"Unexpected {type(error).__name__}: {error}") from error
