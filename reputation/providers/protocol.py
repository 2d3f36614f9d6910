"""What a provider is: lists in, lists out, plain values. A provider knows nothing of the portal's models.

Vendors differ in how many numbers a call takes, in whether they answer at once or weeks later, for all numbers or for
some; docs/providers.md shows a complete small one. Every answer names the number or reference it is about, so that
a list may come back in any order and with parts missing: what is missing is asked again later.
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
    """A call that brought no answers. `sentence` is for the log and the operator."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class ProviderUnavailable(ProviderError):
    """The vendor cannot be reached, is busy, or has no budget left: the same call may work later.

    `after` (aware) is the vendor's own word for when; without it the portal waits longer after each failure. Time-outs
    and broken connections count as this, also where they come as the exceptions of the standard library.
    """

    def __init__(self, sentence: str, *, after: datetime | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class ProviderRefused(ProviderError):
    """The vendor will not do what was asked, now or later; the reason is shown to the customer.

    Some vendors refuse a whole list because of one number. The portal then asks again in halves, so that only the
    number that is refused is left out.
    """


class ProviderMisconfigured(ProviderError):
    """Something on our side is missing or wrong (a key, a contract, accepted terms): an operator has to act."""


# What is said ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngineInfo:
    """An engine that the provider speaks for. `slug` is its own for ever; `carriers` whose calls it labels."""

    slug: str
    name: str
    carriers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """How much one call may hold, by operation, and after how many seconds the provider itself gives a call up."""

    verify: int = 100
    look_up: int = 100
    submit: int = 100
    poll: int = 100
    withdraw: int = 100
    timeout: float = 20.0


class Stage(Enum):
    """How far an engine is with one thing it was asked to do."""

    NOT_YET = "not_yet"  # not taken yet; the answer's `wait` says why and until when
    RECEIVED = "received"
    IN_REVIEW = "in_review"
    DISPUTED = "disputed"  # the engine contests it: up to a week
    AGEING = "ageing"  # nobody can be asked; the label ends by itself by `expected_by`
    DONE = "done"  # a registration: accepted; a submission: the engine claims that the label is removed
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Wait:
    """Why something was not taken yet: gate (the vendor has to approve the business first), ownership (of the number
    is not yet proven), cooldown (asked too recently), budget (spent). `until` where the vendor says so."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True)
class SubmitRequest:
    """Please remove this label. `key` is ours and stays the same when the request is repeated because the answer was
    lost: a provider that gets it twice takes it once and returns the same reference."""

    key: str
    number: str
    engine: str
    label: str
    detected_at: datetime


@dataclass(frozen=True)
class EngineResponse:
    """What an engine says about one thing it was asked: to verify a number, to remove a label, or how far that is.

    Answers to `verify` are matched by `number` and `engine`, answers to `submit` by the request's `key`, answers to
    `poll` and `withdraw` by `reference`, the vendor's own. `reason` is in words for the customer. `cost` is in US
    dollars.
    """

    stage: Stage
    key: str = ""
    number: str = ""
    engine: str = ""
    reference: str = ""
    reason: str = ""
    expected_by: datetime | None = None
    wait: Wait | None = None
    cost: Decimal = Decimal(0)


@dataclass(frozen=True)
class Observation:
    """One look of one engine at one number (E.164). `seen_at` is when the engine itself looked, where that is earlier
    than the answer (a cached one); `proof` the answer as it came, of plain JSON values; `learnt_by` how."""

    number: str
    engine: str
    tagged: bool
    label: str = ""
    proof: dict[str, Any] = field(default_factory=dict)
    seen_at: datetime | None = None
    learnt_by: str = "look-up"
    cost: Decimal = Decimal(0)


@runtime_checkable
class Provider(Protocol):
    """Every operation takes at most `limits` items, ends within `limits.timeout` seconds, and may raise the failures
    above. All are safe to repeat: the portal asks again whenever it cannot know that an answer arrived."""

    name: str
    limits: Limits

    def engines(self) -> list[EngineInfo]:
        """Those it speaks for; without a network call, since it is asked at every start."""

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        """Asks every engine to take these numbers (E.164) on; an answer for each number and engine."""

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        """How each engine labels these numbers now."""

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        """Asks the engines to remove labels."""

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        """How far the engines are with what was verified or submitted under these references."""

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        """Takes back what was asked: monitoring was switched off, or the number removed."""
