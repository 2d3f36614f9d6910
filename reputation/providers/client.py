"""The client through which tasks call providers: in batches of the provider's size, with a circuit breaker.

A failing operation is not called again until its backoff ends; one provider's failure does not affect the others. Calls
may take seconds, so make none inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F

from reputation.models import CircuitBreaker
from reputation.providers.protocol import (
    EngineResponse,
    Provider,
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    Stage,
)
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# The backoff of a failing operation doubles with each consecutive failure. Days of the service's clock.
INITIAL_BACKOFF_DAYS = 1 / 288  # five minutes
MAX_BACKOFF_DAYS = 1 / 4


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
    """Calls the providers, as of `now`. Create one for each chunk of work; one query."""

    def __init__(self, providers: dict[str, Provider], now: datetime) -> None:
        self.providers = providers
        self.now = now
        self.circuit_breakers = {
            (breaker.provider, breaker.operation): breaker for breaker in CircuitBreaker.objects.all()
        }

    def retry_at(self, provider: str, operation: str) -> datetime | None:
        """When a failing operation may be called again. None means now."""
        breaker = self.circuit_breakers.get((provider, operation))
        return breaker.retry_at if breaker and breaker.retry_at > self.now else None

    def call(self, name: str, operation: str, items: Sequence[Any]) -> CallResult:
        """Calls `operation` (look_up, verify, submit, poll or withdraw) with all `items`, in batches.

        Stops at the first batch that fails.
        """
        result = CallResult(retry_at=self.retry_at(name, operation))
        if result.retry_at or not items:
            return result
        provider = self.providers[name]
        size = getattr(provider.limits, operation)
        batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
        try:
            while batches:
                self._call_batch(provider, operation, batches, result)
        except ProviderError as failure:
            result.retry_at = self._record_failure(name, operation, failure)
        else:
            self._record_recovery(name, operation)
        if cost := sum((answer.cost for answer in result.answers), Decimal(0)):
            logger.info("%s: %s of %s cost $%s", name, operation, len(result.answers), cost)
        return result

    def _call_batch(self, provider: Provider, operation: str, batches: list[list[Any]], result: CallResult) -> None:
        """Calls with the first of `batches` and removes it; splits it in two if the provider refuses it as a whole.

        Raises ProviderUnavailable and ProviderMisconfigured.
        """
        batch = batches[0]
        try:
            result.answers += getattr(provider, operation)(batch)
        except ProviderRefused as refusal:
            if len(batch) > 1:
                batches[:1] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                return
            result.refused.append((batch[0], refusal.message))
        except ProviderError:
            raise
        except OSError as error:  # the base of time-outs and connection errors in socket, ssl, urllib, requests, httpx
            raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
        except Exception as error:
            logger.exception("%s: %s failed unexpectedly", provider.name, operation)
            raise ProviderUnavailable(f"Unexpected {type(error).__name__}: {error}") from error
        del batches[0]

    def _record_failure(self, name: str, operation: str, failure: ProviderError) -> datetime:
        """Opens the circuit breaker; returns when to retry: the vendor's own time, or twice the last backoff."""
        known = self.circuit_breakers.get((name, operation))
        failures = known.failures + 1 if known else 1
        backoff = days(min(INITIAL_BACKOFF_DAYS * 2 ** min(failures - 1, 20), MAX_BACKOFF_DAYS))
        level = logging.WARNING
        if isinstance(failure, ProviderMisconfigured):
            backoff, level = days(MAX_BACKOFF_DAYS), logging.ERROR
        retry_at = self.now + backoff
        if isinstance(failure, ProviderUnavailable) and failure.retry_at:
            retry_at = max(failure.retry_at, self.now + days(INITIAL_BACKOFF_DAYS))
        logger.log(level, "%s: %s failed (%s), next try at %s", name, operation, failure.message, retry_at)
        breaker, _ = CircuitBreaker.objects.update_or_create(
            provider=name,
            operation=operation,
            defaults={"failures": F("failures") + 1, "retry_at": retry_at, "reason": failure.message[:300]},
            create_defaults={"opened_at": self.now, "retry_at": retry_at, "reason": failure.message[:300]},
        )
        breaker.failures = failures
        self.circuit_breakers[name, operation] = breaker
        return retry_at

    def _record_recovery(self, name: str, operation: str) -> None:
        if breaker := self.circuit_breakers.pop((name, operation), None):
            CircuitBreaker.objects.filter(provider=name, operation=operation).delete()
            logger.info("%s: %s works again, after failing since %s", name, operation, breaker.opened_at)
