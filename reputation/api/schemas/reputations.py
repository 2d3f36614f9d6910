"""Schemas of a number's reputation: engines, checks and tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from reputation.api.schemas.base import Capability, Choices, Remediation, ResponseSchema, SpamStatus
from reputation.models import Check, Engine, Registration, Tag


class EngineResponse(ResponseSchema):
    id: int
    name: str


class RegistrationResponse(ResponseSchema):
    state: Annotated[str, Choices(*Registration.State.values)]
    reason: str


class CheckResponse(ResponseSchema):
    """A run of equal answers of one source, from its first look to its last."""

    id: int
    engine: EngineResponse
    provider: str
    carrier: str = Field(description="Where it was seen, if only there.")
    verdict: Annotated[str, Choices(*Check.Verdict.values)]
    effect: Annotated[str, Choices(*Check.Effect.values)] = Field(description="What it does to the number.")
    evidence: Annotated[str, Choices(*Check.Evidence.values)] = Field(description="What the answer is based on.")
    label: str
    severity: str = Field(description="Of a label: scam, spam or category.")
    first_at: datetime
    last_at: datetime
    looks: int
    valid_until: datetime = Field(description="Until when the last answer may be relied on.")
    is_current: bool


class TagResponse(ResponseSchema):
    id: int
    engine: EngineResponse
    carrier: str = Field(description="Whose telephones show it, if only those.")
    label: str
    severity: str = Field(description="Scam, spam or category.")
    evidence: Annotated[str, Choices(*Check.Evidence.values)]
    detected_at: datetime
    last_seen_at: datetime | None = Field(description="When it was last found.")
    ended_at: datetime | None
    case_id: int | None


class LastSeenLabel(ResponseSchema):
    engine: EngineResponse
    label: str
    last_seen_at: datetime = Field(description="When a look-up last found it.")


class EngineReputation(ResponseSchema):
    engine: EngineResponse
    registration: RegistrationResponse | None = Field(description="Whether the engine took the number on.")
    checks: list[CheckResponse] = Field(description="The current answers about it, of each provider.")


class ReputationResponse(ResponseSchema):
    number_id: int
    number: str
    spam_status: SpamStatus
    remediation: Remediation
    is_tagged: bool
    tagged_since: datetime | None
    at_risk_until: datetime | None = Field(description="When the last sign of a label expires.")
    checked_at: datetime | None
    fresh_until: datetime | None
    capability: Capability
    tags: list[TagResponse] = Field(description="The labels that stand now.")
    last_seen: list[LastSeenLabel] = Field(
        description="The labels it had when monitoring ended, if it was not released or found clean since."
    )
    case_id: int | None = Field(description="The unfinished case, if there is one.")
    engines: list[EngineReputation]


class CheckListResponse(ResponseSchema):
    items: list[CheckResponse]
    next_cursor: str | None


def serialize_engine(engine: Engine) -> EngineResponse:
    return EngineResponse(id=engine.pk, name=engine.name)


def serialize_tag(tag: Tag) -> TagResponse:
    """Serialize a tag; select its `engine` with it."""
    return TagResponse(
        id=tag.pk,
        engine=serialize_engine(tag.engine),
        carrier=tag.carrier,
        label=tag.label,
        severity=tag.severity,
        evidence=tag.evidence,
        detected_at=tag.detected_at,
        last_seen_at=tag.last_seen_at,
        ended_at=tag.ended_at,
        case_id=tag.case_id,
    )


def serialize_last_seen(tag: Tag) -> LastSeenLabel:
    """Serialize a tag that was active when monitoring ended; select its `engine` with it."""
    return LastSeenLabel(
        engine=serialize_engine(tag.engine), label=tag.label, last_seen_at=tag.last_seen_at or tag.detected_at
    )


def serialize_registration(registration: Registration | None) -> RegistrationResponse | None:
    return RegistrationResponse(state=registration.state, reason=registration.reason) if registration else None


def serialize_check(check: Check) -> CheckResponse:
    """Serialize a check; select its `engine` with it."""
    return CheckResponse(
        id=check.pk,
        engine=serialize_engine(check.engine),
        provider=check.provider,
        carrier=check.carrier,
        verdict=check.verdict,
        effect=check.effect,
        evidence=check.evidence,
        label=check.label,
        severity=check.severity,
        first_at=check.first_at,
        last_at=check.last_at,
        looks=check.looks,
        valid_until=check.valid_until,
        is_current=check.is_current,
    )
