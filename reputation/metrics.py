"""What this app counts for /metrics: calls of providers, and how long matches take."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from portal.jobs.totals import Histogram, LastTime, Total

_LABELS: Final = ("provider", "operation")
PROVIDER_CALLS: Final = Total("portal_provider_calls", "Calls of providers, whether they failed or not.", _LABELS)
PROVIDER_FAILURES: Final = Total("portal_provider_failures", "Calls of providers that failed.", _LABELS)
PROVIDER_COST: Final = Total("portal_provider_cost_dollars", "What providers charged, in US dollars.", _LABELS)
_CONNECTION_LABELS: Final = ("connection", "operation")
PROVIDER_LAST_SUCCESS: Final = LastTime(
    "portal_provider_last_success_timestamp_seconds",
    "When a call over a connection last succeeded. The connection is its id.",
    _CONNECTION_LABELS,
)
PROVIDER_LAST_FAILURE: Final = LastTime(
    "portal_provider_last_failure_timestamp_seconds",
    "When a call over a connection last failed. The connection is its id.",
    _CONNECTION_LABELS,
)
MATCH_SECONDS: Final = Histogram(
    "portal_match_seconds",
    "How long recorded matches took, without the framework.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
TOTALS: Final = (
    PROVIDER_CALLS,
    PROVIDER_FAILURES,
    PROVIDER_COST,
    PROVIDER_LAST_SUCCESS,
    PROVIDER_LAST_FAILURE,
    MATCH_SECONDS,
)


def count_provider_call(provider: str, operation: str, *, cost: Decimal, is_failed: bool) -> None:
    """Count one call with all of its items. `cost` is in US dollars."""
    PROVIDER_CALLS.add(provider, operation)
    PROVIDER_FAILURES.add(provider, operation, amount=int(is_failed))
    PROVIDER_COST.add(provider, operation, amount=float(cost))


def note_provider_call(connection_id: int, operation: str, *, is_failed: bool, at: datetime) -> None:
    """Note when a call over this connection succeeded or failed. It is written once the task ends."""
    last = PROVIDER_LAST_FAILURE if is_failed else PROVIDER_LAST_SUCCESS
    last.note(str(connection_id), operation, at=at)
