"""A number's reputation: its engines, checks and tags."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from reputation.api.schemas.base import Capability, ResponseSchema, SpamStatus
from reputation.models import Check, Registration


class EngineResponse(ResponseSchema):
    id: int
    name: str


class RegistrationResponse(ResponseSchema):
    state: Literal[tuple(Registration.State.values)]
    reason: str


class CheckResponse(ResponseSchema):
    """A run of equal answers of one engine, from its first look to its last."""

    id: int
    engine: EngineResponse
    result: Literal[tuple(Check.Result.values)]
    label: str
    learnt_by: str
    first_at: datetime
    last_at: datetime
    looks: int
    valid_until: datetime = Field(description="Until when the last answer may be relied on.")
    is_current: bool


class TagResponse(ResponseSchema):
    id: int
    engine: EngineResponse
    label: str
    detected_at: datetime
    ended_at: datetime | None
    case_id: int | None


class EngineReputation(ResponseSchema):
    engine: EngineResponse
    registration: RegistrationResponse | None = Field(description="Whether the engine took the number on.")
    check: CheckResponse | None = Field(description="Its current answer, if there is one.")


class ReputationResponse(ResponseSchema):
    number_id: int
    number: str
    spam_status: SpamStatus
    is_tagged: bool
    tagged_since: datetime | None
    checked_at: datetime | None
    fresh_until: datetime | None
    capability: Capability
    tags: list[TagResponse] = Field(description="The labels that stand now.")
    case_id: int | None = Field(description="The unfinished case, if there is one.")
    engines: list[EngineReputation]


class CheckListResponse(ResponseSchema):
    items: list[CheckResponse]
    next_cursor: str | None
