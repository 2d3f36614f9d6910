"""Schemas of matching: the request that a dialer sends for each call, and the response."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reputation.api.schemas.base import Choices, Id, RequestSchema, ResponseSchema
from reputation.matching.match import REASONS
from reputation.matching.queries import MAX_SKIPPED_COUNT
from reputation.matching.tiers import Basis


class MatchRequest(RequestSchema):
    campaign_id: Id
    called: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            description="The number to call, as +12065550199 or (206) 555-0199.",
            examples=["+12063550199"],
            json_schema_extra={"format": "phone-number"},
        ),
    ]


class SkippedCounts(ResponseSchema):
    """How many numbers as near as the shown one, or nearer, were passed over; counted up to 100."""

    tagged: int = Field(ge=0, le=MAX_SKIPPED_COUNT, description="For their spam label.")
    labelled_when_last_seen: int = Field(
        ge=0, le=MAX_SKIPPED_COUNT, description="For the spam label they had when monitoring ended."
    )
    daily_limit: int = Field(ge=0, le=MAX_SKIPPED_COUNT, description="For having reached the campaign's daily limit.")


class MatchResponse(ResponseSchema):
    called: str = Field(description="The called number in E.164.")
    caller_id: str | None = Field(description="The number to show, in E.164; null: make no call.")
    number_id: int | None
    basis: Annotated[str, Choices(*Basis.values)] = Field(description="What it was matched on.")
    because: Annotated[str, Choices(*REASONS)] = Field(
        description="Why it is the default, or none; empty for a local number."
    )
    skipped: SkippedCounts
    is_tagged: bool = Field(description="The shown default carries a spam label: nothing else was left.")
    was_labelled: bool = Field(description="The shown default was labelled when last seen: nothing else was left.")
    is_at_daily_limit: bool = Field(description="The shown default has reached the daily limit.")
    is_outside_campaign: bool = Field(description="The shown default is none of the campaign's numbers.")
