"""Schemas of matching: the request that a dialer sends for each call, and the response."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reputation.api.schemas.base import Choices, Id, RequestSchema, ResponseSchema
from reputation.matching.queries import MAX_SKIPPED_COUNT
from reputation.matching.results import LABELLED_REASONS, REASONS
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
    called_carrier: str | None = Field(
        None,
        max_length=60,
        description="The called person's network, as your look-up names it. A number that is labelled on one other "
        "network only may then be shown, if the campaign allows it. If it is left out, or not in the portal's table of "
        "carriers, the number is skipped.",
        examples=["Verizon"],
    )


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
    because: Annotated[str, Choices(*REASONS, *LABELLED_REASONS)] = Field(
        description="Why it is the default, a labelled number, or none; empty for a local number without a label. "
        "`all_labelled`: every local number is labelled, and the campaign makes no call then. "
        "`daily_limits_reached`: each number that may be shown is at its limit; call tomorrow."
    )
    skipped: SkippedCounts
    is_tagged: bool = Field(
        description="The shown number carries a spam label: it is the default, or `because` says why it is shown."
    )
    was_labelled: bool = Field(description="The same for a number that was labelled when last seen.")
    is_at_daily_limit: bool = Field(description="The shown default has reached the daily limit.")
    is_outside_campaign: bool = Field(description="The shown default is none of the campaign's numbers.")
