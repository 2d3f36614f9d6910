"""The interface of a provider: lists in, lists out, of plain values. A provider does not use the portal's models.

Vendors differ in how many numbers a call takes, and in whether they answer at once or weeks later, for all numbers or
for some. Every answer names its number or reference, so a list may be returned in any order and incomplete; the portal
asks about missing items again later. docs/providers.md has a small complete provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol, runtime_checkable

# Failures of a whole call ---------------------------------------------------------------------------------------------


class ProviderError(Exception):
    """A call without answers. `message` is for the log and the operator."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ProviderUnavailable(ProviderError):
    """The vendor cannot be reached, is busy, or has no budget left: the same call may work later.

    `retry_at` (aware) is the time that the vendor named. Without it, the portal waits longer after each failure. The
    portal treats every OSError, such as a time-out or a broken connection, as this exception.
    """

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class ProviderRefused(ProviderError):
    """The vendor will not do this, now or later. The message is shown to the customer.

    Some vendors refuse a whole list because of one number. The portal then repeats the call with each half of the
    list, until only the refused number is left out.
    """


class ProviderMisconfigured(ProviderError):
    """A key, a contract or an accepted agreement is missing or wrong. An operator has to act."""


# Values ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngineInfo:
    """An engine of the provider. `slug` is unique and never changes; `carriers` are those whose calls it labels."""

    slug: str
    name: str
    carriers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """The maximal number of items of one call, by operation, and the provider's own time-out of a call in seconds."""

    verify: int = 100
    look_up: int = 100
    submit: int = 100
    poll: int = 100
    withdraw: int = 100
    timeout: float = 20.0


class Stage(Enum):
    """The progress of one request at an engine."""

    NOT_YET = "not_yet"  # not accepted yet; `wait` has the reason
    RECEIVED = "received"
    IN_REVIEW = "in_review"
    DISPUTED = "disputed"  # the engine contests the request, for up to a week
    AGEING = "ageing"  # nobody can remove the label; it expires by `expected_by`
    DONE = "done"  # a registration: accepted; a submission: the engine claims that the label is removed
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Wait:
    """Why a request was not accepted yet, and until when, if the vendor tells.

    Reasons: gate (the vendor has to approve the business first), ownership (of the number is not proven), cooldown
    (asked too recently), budget (spent).
    """

    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class SubmitRequest:
    """A request to remove a label.

    A repeated request, after a lost answer, has the same `idempotency_key`. The provider then must not submit it to
    the vendor again, and returns the same reference.
    """

    idempotency_key: str
    number: str
    engine: str
    label: str
    detected_at: datetime


@dataclass(frozen=True)
class EngineResponse:
    """An engine's response to one request: to verify a number, to remove a label, or to report the progress of either.

    The portal matches responses to `verify` by `number` and `engine`, those to `submit` by `idempotency_key`, and those
    to `poll` and `withdraw` by the vendor's `reference`. `reason` is shown to the customer. `cost` is in US dollars.
    """

    stage: Stage
    idempotency_key: str = ""
    number: str = ""
    engine: str = ""
    reference: str = ""
    reason: str = ""
    expected_by: datetime | None = None
    wait: Wait | None = None
    cost: Decimal = Decimal(0)


@dataclass(frozen=True)
class Observation:
    """One engine's answer about one number (E.164).

    `observed_at` is when the engine itself looked, if that is earlier than the answer (a cached one). `raw_response`
    is the answer as plain JSON values. `learnt_by` names the source.
    """

    number: str
    engine: str
    tagged: bool
    label: str = ""
    raw_response: dict[str, Any] = field(default_factory=dict)
    observed_at: datetime | None = None
    learnt_by: str = "look-up"
    cost: Decimal = Decimal(0)


@runtime_checkable
class Provider(Protocol):
    """The operations of a provider.

    Each takes at most `limits` items, ends within `limits.timeout` seconds, and may raise the exceptions above. Each
    must be safe to repeat: the portal repeats a call whenever an answer may have been lost.
    """

    name: str
    limits: Limits

    def engines(self) -> list[EngineInfo]:
        """The provider's engines. Called at every start, so it makes no network call."""

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        """Asks every engine to monitor these numbers (E.164); a response for each number and engine."""

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        """Asks how each engine labels these numbers now."""

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        """Asks the engines to remove labels."""

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        """Asks for the progress of the requests with these references."""

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        """Withdraws registrations after monitoring was disabled, and all requests after the number was removed."""
