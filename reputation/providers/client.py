"""Calling a provider: in batches of its size, with its failures written down, so that it is left alone for a while.

Never inside a transaction: a call lasts seconds. One provider's failure keeps nothing from the others.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F

from reputation.models import CircuitBreaker
from reputation.providers.protocol import (
    Provider,
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from reputation.service_clock import days

logger = logging.getLogger(__name__)

# How long a failing operation is left alone: doubled with each failure in a row. Days of the service's clock.
INITIAL_BACKOFF_DAYS = 1 / 288  # five minutes
MAX_BACKOFF_DAYS = 1 / 4


@dataclass
class CallResult:
    """What came of asking: the answers; the items that were refused, with the reason; and, where some items were not
    asked because the operation fails, from when on it will be tried again."""

    answers: list[Any] = field(default_factory=list)
    refused: list[tuple[Any, str]] = field(default_factory=list)
    retry_at: datetime | None = None


class ProviderClient:
    """The providers as they stand at this moment. Made anew for each chunk; one query."""

    def __init__(self, providers: dict[str, Provider], now: datetime) -> None:
        self.providers = providers
        self.now = now
        self.outages = {(outage.provider, outage.operation): outage for outage in CircuitBreaker.objects.all()}

    def retry_at(self, provider: str, operation: str) -> datetime | None:
        """From when on a failing operation may be tried again; None: now."""
        outage = self.outages.get((provider, operation))
        return outage.retry_at if outage and outage.retry_at > self.now else None

    def ask(self, name: str, operation: str, items: Sequence[Any]) -> CallResult:
        """Calls `operation` (look_up, verify, submit, poll, withdraw) with all of `items`, in as many calls as the
        provider's limit makes it, until one fails."""
        asked = CallResult(retry_at=self.retry_at(name, operation))
        if asked.retry_at or not items:
            return asked
        provider = self.providers[name]
        size = getattr(provider.limits, operation)
        batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
        try:
            while batches:
                self._call(provider, operation, batches, asked)
        except ProviderError as failure:
            asked.retry_at = self._failed(name, operation, failure)
        else:
            self._recovered(name, operation)
        if cost := sum((answer.cost for answer in asked.answers), Decimal(0)):
            logger.info("%s: %s of %s cost $%s", name, operation, len(asked.answers), cost)
        return asked

    def _call(self, provider: Provider, operation: str, batches: list[list[Any]], asked: CallResult) -> None:
        """One call, with the first of `batches`, which it takes away. Raises TryLater and Misconfigured."""
        batch = batches[0]
        try:
            asked.answers += getattr(provider, operation)(batch)
        except ProviderRefused as refusal:
            if len(batch) > 1:
                batches[:1] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
                return
            asked.refused.append((batch[0], refusal.sentence))
        except ProviderError:
            raise
        except OSError as error:  # time-outs and broken connections, of sockets, ssl, urllib, requests and httpx' base
            raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
        except Exception as error:
            logger.exception("%s: %s failed unexpectedly", provider.name, operation)
            raise ProviderUnavailable(f"Unexpected {type(error).__name__}: {error}") from error
        del batches[0]

    def _failed(self, name: str, operation: str, failure: ProviderError) -> datetime:
        """Notes the failure; returns when to try again: the vendor's own time, or twice the last pause."""
        known = self.outages.get((name, operation))
        failures = known.failures + 1 if known else 1
        pause = days(min(INITIAL_BACKOFF_DAYS * 2 ** min(failures - 1, 20), MAX_BACKOFF_DAYS))
        level = logging.WARNING
        if isinstance(failure, ProviderMisconfigured):
            pause, level = days(MAX_BACKOFF_DAYS), logging.ERROR
        retry_at = self.now + pause
        if isinstance(failure, ProviderUnavailable) and failure.after:
            retry_at = max(failure.after, self.now + days(INITIAL_BACKOFF_DAYS))
        logger.log(level, "%s: %s fails (%s), tried again at %s", name, operation, failure.sentence, retry_at)
        outage, _ = CircuitBreaker.objects.update_or_create(
            provider=name,
            operation=operation,
            defaults={"failures": F("failures") + 1, "retry_at": retry_at, "reason": failure.sentence[:300]},
            create_defaults={"began_at": self.now, "retry_at": retry_at, "reason": failure.sentence[:300]},
        )
        outage.failures = failures
        self.outages[name, operation] = outage
        return retry_at

    def _recovered(self, name: str, operation: str) -> None:
        if outage := self.outages.pop((name, operation), None):
            CircuitBreaker.objects.filter(provider=name, operation=operation).delete()
            logger.info("%s: %s answers again, after failing since %s", name, operation, outage.began_at)
