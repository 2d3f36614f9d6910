"""What this app counts for /metrics: calls of providers, and how long matches take."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from portal.jobs.totals import Histogram, Total

_LABELS: Final = ("provider", "operation")
PROVIDER_CALLS: Final = Total("portal_provider_calls", "Calls of providers, whether they failed or not.", _LABELS)
PROVIDER_FAILURES: Final = Total("portal_provider_failures", "Calls of providers that failed.", _LABELS)
PROVIDER_COST: Final = Total("portal_provider_cost_dollars", "What providers charged, in US dollars.", _LABELS)
MATCH_SECONDS: Final = Histogram(
    "portal_match_seconds",
    "How long recorded matches took, without the framework.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
TOTALS: Final = (PROVIDER_CALLS, PROVIDER_FAILURES, PROVIDER_COST, MATCH_SECONDS)


def count_provider_call(provider: str, operation: str, *, cost: Decimal, is_failed: bool) -> None:
    """Count one call with all of its items. `cost` is in US dollars."""
    PROVIDER_CALLS.add(provider, operation)
    PROVIDER_FAILURES.add(provider, operation, amount=int(is_failed))
    PROVIDER_COST.add(provider, operation, amount=float(cost))
