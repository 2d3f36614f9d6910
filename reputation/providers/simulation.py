"""The behaviour of the simulated engines: when they verify, label, dispute and clear.

Everything follows from a seed, the number, the engine and the time, by hashing, so that a number has the same history
every time. PARAMETERS show everything within minutes in a demo of sixty numbers on a fast clock; they do not describe
real engines. The first string of each hash selects its random value: changing one changes the demo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from reputation.providers.protocol import EngineInfo
from reputation.service_clock import days

ENGINES = (
    EngineInfo("sim-hiya", "Hiya (simulated)", ("AT&T",)),
    EngineInfo("sim-first-orion", "First Orion (simulated)", ("T-Mobile",)),
    EngineInfo("sim-tns", "TNS (simulated)", ("Verizon", "UScellular")),
)
ENGINE_NAMES = {engine.slug: engine.name for engine in ENGINES}
LABELS = ("Spam Likely", "Scam Likely", "Potential Spam", "Telemarketer")


@dataclass(frozen=True)
class SimulationParameters:
    """Probabilities (0 to 1) and durations (least and most days of the service's clock)."""

    verification_days: tuple[float, float] = (0.5, 3.0)
    # Of a number's first verification.
    refusal_probability: float = 0.03
    # A number may be labelled early. Otherwise each engine labels it late.
    early_tag_probability: float = 0.2
    early_tag_days: tuple[float, float] = (1.0, 5.0)
    late_tag_days: tuple[float, float] = (15.0, 400.0)
    second_engine_probability: float = 0.3
    second_engine_delay_days: tuple[float, float] = (0.1, 1.0)
    intake_days: tuple[float, float] = (0.1, 0.4)
    remediation_days: tuple[float, float] = (1.0, 2.0)
    dispute_probability: float = 0.2
    dispute_days: tuple[float, float] = (3.0, 6.5)
    removal_failure_probability: float = 0.12
    label_lifetime_days: tuple[float, float] = (30.0, 60.0)
    relapse_probability: float = 0.35
    relapse_days: tuple[float, float] = (4.0, 15.0)


PARAMETERS = SimulationParameters()


@dataclass(frozen=True)
class StoredRequest:
    """A request to verify a number or to remove its label, at one engine."""

    reference: str
    kind: str
    number: str
    engine: str
    requested_at: datetime
    withdrawn_at: datetime | None
    # How many earlier requests of the same kind there are for the number and engine.
    earlier_count: int
    idempotency_key: str | None = None


@dataclass(frozen=True)
class VerificationOutcome:
    answered_at: datetime
    is_refused: bool


@dataclass(frozen=True)
class RemovalOutcome:
    review_started_at: datetime
    disputed_at: datetime | None
    answered_at: datetime
    removed: bool


@dataclass(frozen=True)
class LabelPeriod:
    """A period in which an engine labels a number. It ends at a given time or when the label is removed."""

    starts_at: datetime
    ends_at: datetime
    label: str


def random_fraction(*seeds: object) -> float:
    """A number from 0 to 1, always the same for the same arguments and settings.SIMULATED_SEED."""
    text = "|".join(map(str, (settings.SIMULATED_SEED, *seeds)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def random_between(limits: tuple[float, float], *seeds: object) -> float:
    return limits[0] + (limits[1] - limits[0]) * random_fraction(*seeds)


def get_verification_outcome(request: StoredRequest) -> VerificationOutcome:
    number, engine, count = request.number, request.engine, request.earlier_count
    # Most of the duration is shared, so that the engines answer at about the same time.
    shared = random_between(PARAMETERS.verification_days, "verification", number, count) * 0.8
    own = random_between(PARAMETERS.verification_days, "verification", number, engine, count) * 0.2
    refusing_engine = ENGINES[int(random_fraction("who refuses", number) * len(ENGINES))].slug
    is_refused = (
        not count and engine == refusing_engine and random_fraction("refused", number) < PARAMETERS.refusal_probability
    )
    return VerificationOutcome(request.requested_at + days(shared + own), is_refused)


def get_removal_outcome(request: StoredRequest) -> RemovalOutcome:
    seeds = (request.number, request.engine, request.earlier_count)
    fate = random_fraction("fate", *seeds)
    requested_at = request.requested_at
    review_started_at = requested_at + days(random_between(PARAMETERS.intake_days, "taken up", *seeds))
    duration = days(random_between(PARAMETERS.remediation_days, "remediation", *seeds))
    if fate < PARAMETERS.removal_failure_probability:
        return RemovalOutcome(review_started_at, None, requested_at + duration, removed=False)
    if fate < PARAMETERS.removal_failure_probability + PARAMETERS.dispute_probability:
        dispute = days(random_between(PARAMETERS.dispute_days, "dispute", *seeds))
        return RemovalOutcome(review_started_at, review_started_at + duration / 4, requested_at + dispute, removed=True)
    return RemovalOutcome(review_started_at, None, requested_at + duration, removed=True)


def label_periods(
    number: str, engine: str, known_since: datetime, removals: Sequence[StoredRequest]
) -> Iterator[LabelPeriod]:
    """The periods in which the engine labels the number, in order and without end, given the removal requests."""
    starts_at = _first_label_at(number, engine, known_since)
    index = 0
    while True:
        seeds = (number, engine, index)
        ends_at = starts_at + days(random_between(PARAMETERS.label_lifetime_days, "fades", *seeds))
        for request in removals:
            outcome = get_removal_outcome(request)
            is_answered = request.withdrawn_at is None or request.withdrawn_at >= outcome.answered_at
            if starts_at <= request.requested_at < ends_at and outcome.removed and is_answered:
                ends_at = min(ends_at, outcome.answered_at)
        yield LabelPeriod(starts_at, ends_at, LABELS[int(random_fraction("label", *seeds) * len(LABELS))])
        relapses = random_fraction("again", *seeds) < PARAMETERS.relapse_probability
        pause = PARAMETERS.relapse_days if relapses else PARAMETERS.late_tag_days
        starts_at = ends_at + days(random_between(pause, "again", *seeds))
        index += 1


def _first_label_at(number: str, engine: str, known_since: datetime) -> datetime:
    if random_fraction("tagged soon", number) < PARAMETERS.early_tag_probability:
        early = known_since + days(random_between(PARAMETERS.early_tag_days, "soon", number))
        if ENGINES[int(random_fraction("who tags", number) * len(ENGINES))].slug == engine:
            return early
        if random_fraction("second engine", number, engine) < PARAMETERS.second_engine_probability:
            delay = random_between(PARAMETERS.second_engine_delay_days, "second follows", number, engine)
            return early + days(delay)
    return known_since + days(random_between(PARAMETERS.late_tag_days, "later", number, engine))


def label_period_at(
    at: datetime, number: str, engine: str, known_since: datetime, removals: Sequence[StoredRequest]
) -> LabelPeriod | None:
    for period in label_periods(number, engine, known_since, removals):
        if period.starts_at > at:
            return None
        if at < period.ends_at:
            return period
    return None
