"""Schemas of campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from reputation.api.schemas.base import Choices, Id, Name, RequestSchema, ResponseSchema
from reputation.api.schemas.numbers import NumberSummary, serialize_number_summary
from reputation.campaigns import MAX_DAILY_LIMIT
from reputation.models import Campaign

WhenAllLabelled = Annotated[str, Choices(*Campaign.WhenAllLabelled.values)]


class CampaignResponse(ResponseSchema):
    id: int
    name: str
    is_paused: bool
    automatic_matching: bool
    default_number: NumberSummary | None = Field(description="The default caller ID.")
    daily_limit: int | None = Field(description="So many calls a day may show the same number; null: any number.")
    when_all_labelled: WhenAllLabelled = Field(
        description="What a call shows if every number of the called person's State is labelled."
    )
    shows_on_other_networks: bool = Field(
        description="A number that only one network labels is shown to people on others, if a match request has "
        "`called_carrier`."
    )
    created_at: datetime


class CampaignListResponse(ResponseSchema):
    items: list[CampaignResponse]
    next_cursor: str | None


_WHEN_ALL_LABELLED = (
    "What a call shows if every number of the called person's State is labelled: `default`, the default caller ID; "
    "`least_bad`, the one with the least bad label; `no_call`, none, and the dialer is to make no call."
)
_SHOWS_ON_OTHER_NETWORKS = "Show a number that only one network labels to people on others; see `called_carrier`."


class CampaignCreateRequest(RequestSchema):
    name: Name
    automatic_matching: bool = True
    when_all_labelled: WhenAllLabelled = Field(Campaign.WhenAllLabelled.DEFAULT.value, description=_WHEN_ALL_LABELLED)
    shows_on_other_networks: bool = Field(False, description=_SHOWS_ON_OTHER_NETWORKS)


class CampaignUpdateRequest(RequestSchema):
    """What is left out stays as it is."""

    name: Name | None = None
    is_paused: bool | None = None
    automatic_matching: bool | None = None
    default_number_id: Id | None = Field(None, description="A number of the account; null: none.")
    daily_limit: Annotated[int, Field(ge=1, le=MAX_DAILY_LIMIT)] | None = Field(
        None, description="So many calls a day may show the same number; null: any number."
    )
    when_all_labelled: WhenAllLabelled | None = Field(None, description=_WHEN_ALL_LABELLED)
    shows_on_other_networks: bool | None = Field(None, description=_SHOWS_ON_OTHER_NETWORKS)


def serialize_campaign(campaign: Campaign) -> CampaignResponse:
    """Serialize a campaign; select its `default_number` with it."""
    default = campaign.default_number
    present = default if default and default.removed_at is None else None
    return CampaignResponse(
        id=campaign.pk,
        name=campaign.name,
        is_paused=campaign.is_paused,
        automatic_matching=campaign.automatic_matching,
        default_number=serialize_number_summary(present) if present else None,
        daily_limit=campaign.daily_limit,
        when_all_labelled=campaign.when_all_labelled,
        shows_on_other_networks=campaign.shows_on_other_networks,
        created_at=campaign.created_at,
    )
