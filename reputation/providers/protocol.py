"""The interface of a provider: lists in, lists out, of plain values. A provider does not use the portal's models.

A provider declares roles, and has the operations of those only. One is created for each connection: an account's or
the operator's way to reach the vendor, with its settings.

Vendors differ in how many numbers a call takes, and in whether they answer at once or weeks later, for all numbers or
for some. Every answer names its number or reference, so a list may be returned in any order and incomplete; the portal
asks about missing items again later. docs/providers.md has a small complete provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

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


# Declarations ---------------------------------------------------------------------------------------------------------


class Role(Enum):
    """What a provider does for its engines."""

    LOOK_UP = "look_up"
    REGISTER = "register"
    REMEDIATE = "remediate"
    RECEIVE_WEBHOOKS = "receive_webhooks"
    OBSERVE = "observe"  # people or machines bring observations; no round of look-ups waits for them


# The operations that a provider with the role must have. A webhook is a hint, after which the portal looks up or polls.
OPERATIONS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.LOOK_UP: ("look_up",),
        Role.REGISTER: ("verify", "poll", "withdraw"),
        Role.REMEDIATE: ("submit", "poll", "withdraw"),
        Role.RECEIVE_WEBHOOKS: (),
        Role.OBSERVE: (),
    }
)
ALL_OPERATIONS = ("verify", "look_up", "submit", "poll", "withdraw")


def acts_by_people(provider: Any) -> bool:
    """Whether the account's own people ask for the removal of labels where this class of a provider remediates."""
    return bool(getattr(provider, "by_people", False))


def get_operations(provider: Any) -> set[str]:
    """The operations that this class of a provider needs for its roles."""
    roles = provider.roles - {Role.REMEDIATE} if acts_by_people(provider) else provider.roles
    return {operation for role in roles for operation in OPERATIONS[role]}


class Evidence(Enum):
    """What an observation is based on."""

    ENGINE_DATA = "engine_data"  # the engine's own data
    HANDSET = "handset"  # a person saw it on a telephone
    NETWORK_BLOCK = "network_block"  # a network did not deliver the call
    COMPLAINTS = "complaints"  # people complained; nobody has labelled the number for that
    APP_LIST = "app_list"  # the list of one telephone app
    REPORT = "report"  # a person says so; a warning until somebody or something confirms it


@dataclass(frozen=True)
class EngineInfo:
    """An engine that the provider speaks for. `slug` is the same for every provider of the engine, and never changes.

    `carriers` are those whose calls it labels. `evidence` is what the provider's answers about it are based on.
    """

    slug: str
    name: str
    carriers: tuple[str, ...] = ()
    evidence: Evidence = Evidence.ENGINE_DATA


@dataclass(frozen=True)
class Prices:
    """US dollars for one item of an operation, known before a call. A fixed price a month is in `monthly`."""

    look_up: Decimal = Decimal(0)
    verify: Decimal = Decimal(0)
    submit: Decimal = Decimal(0)
    monthly: Decimal = Decimal(0)

    def get_price(self, operation: str, count: int) -> Decimal:
        """The price of one operation with `count` items. Polling and withdrawing are free."""
        by_operation = {"look_up": self.look_up, "verify": self.verify, "submit": self.submit}
        return by_operation.get(operation, Decimal(0)) * count


@dataclass(frozen=True)
class ConnectionSettings:
    """The connection that a provider is created for. `account_id` is None if it is the operator's.

    `values` are the settings of the connection, by name, such as a key or an address.
    """

    connection_id: int = 0
    account_id: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


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


class Verdict(Enum):
    """What an observation says about a number. A missing field means UNKNOWN, never CLEAN."""

    CLEAN = "clean"
    WARNING = "warning"  # a medium risk: no label now, but signs of one
    LABELLED = "labelled"
    BLOCKED = "blocked"  # confirmed: calls from the number do not arrive
    PENDING = "pending"  # the engine is still looking
    UNKNOWN = "unknown"


class Severity(Enum):
    """What a label says. A category names a kind of call without calling it unwanted, as in *Telemarketer*."""

    SCAM = "scam"
    SPAM = "spam"
    CATEGORY = "category"


@dataclass(frozen=True)
class Observation:
    """One answer about one number (E.164).

    `engine` is empty if it is not known who labels; `carrier` is where the label was seen, if only there. `severity`
    is left out if only the text of the label is known. `observed_at` is when the engine itself looked, if that is
    earlier than the answer (a cached one). `expires_at` is until when the answer may be relied on, if not for the
    usual time. `raw_response` is the answer as plain JSON values.
    """

    number: str
    engine: str = ""
    verdict: Verdict = Verdict.UNKNOWN
    label: str = ""
    severity: Severity | None = None
    carrier: str = ""
    evidence: Evidence = Evidence.ENGINE_DATA
    raw_response: dict[str, Any] = field(default_factory=dict)
    observed_at: datetime | None = None
    expires_at: datetime | None = None
    cost: Decimal = Decimal(0)


class Provider(Protocol):
    """A provider: a class that is called with a ConnectionSettings.

    It has the operations of its `roles` (see OPERATIONS); the others are never called. Each takes at most `limits`
    items, ends within `limits.timeout` seconds, and may raise the exceptions above. Each must be safe to repeat: the
    portal repeats a call whenever an answer may have been lost.

    A provider that remediates may have the attribute `by_people = True`. The account's own people then ask at desks
    (reputation/desks/), and the provider has no operations for that role.
    """

    name: ClassVar[str]
    roles: ClassVar[frozenset[Role]]
    limits: ClassVar[Limits]
    prices: ClassVar[Prices]

    def __init__(self, connection: ConnectionSettings) -> None:
        """Makes no network call. A new instance is created once the settings of the connection have changed."""
        ...

    @classmethod
    def engines(cls) -> list[EngineInfo]:
        """The provider's engines. Called at every start, so it makes no network call."""
        ...

    def verify(self, numbers: Sequence[str]) -> list[EngineResponse]:
        """Asks every engine to monitor these numbers (E.164); a response for each number and engine."""
        ...

    def look_up(self, numbers: Sequence[str]) -> list[Observation]:
        """Asks how each engine labels these numbers now. One number may have several answers, one or none."""
        ...

    def submit(self, requests: Sequence[SubmitRequest]) -> list[EngineResponse]:
        """Asks the engines to remove labels."""
        ...

    def poll(self, references: Sequence[str]) -> list[EngineResponse]:
        """Asks for the progress of the requests with these references. Leaves out unknown ones."""
        ...

    def withdraw(self, references: Sequence[str]) -> list[EngineResponse]:
        """Withdraws registrations after monitoring was disabled, and all requests after the number was removed."""
        ...
