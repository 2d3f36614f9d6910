"""Schemas of phone numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from portal.api.operations import STRICT_CONFIG
from portal.phone.search import MAX_SEARCH_LENGTH
from reputation.api.schemas.base import (
    REMEDIATION_STATES,
    Capability,
    Choices,
    EndMonitoring,
    Id,
    Line,
    OptionalId,
    Remediation,
    RequestSchema,
    ResponseSchema,
    Source,
    SpamStatus,
)
from reputation.labels import COUNTED_STATUSES
from reputation.models import PhoneNumber
from reputation.numbers.filters import FORMER_TAGGED


class CampaignReference(ResponseSchema):
    id: int
    name: str


class NumberResponse(ResponseSchema):
    id: int
    number: str = Field(description="E.164.", examples=["+12065550143"])
    region: str = Field(description="ISO 3166; territories of the United States by their own codes.")
    label: str
    source: Source
    campaign: CampaignReference | None
    capability: Capability = Field(description="What the service does for the number now.")
    capability_since: datetime
    capability_reason: str = Field(description="Why the verification failed, or why monitoring stopped.")
    spam_status: SpamStatus = Field(
        description="`tagged`: it carries a spam label, whatever the state of remediation. `clean` only while a fresh "
        "answer of each engine says so. `last_seen`: labelled when monitoring ended; matching skips it."
    )
    remediation: Remediation
    is_tagged: bool = Field(description="Whether it carries a spam label now, whatever is being done about it.")
    tagged_since: datetime | None
    checked_at: datetime | None = Field(description="When the engine that looked longest ago looked last.")
    fresh_until: datetime | None
    added_at: datetime


class NumberListResponse(ResponseSchema):
    items: list[NumberResponse]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")


class NumberFilters(Schema):
    """The filters of the table of numbers; empty ones do not filter."""

    q: Annotated[
        str,
        Field(
            max_length=MAX_SEARCH_LENGTH,
            description="In any part of the number, however it is punctuated, or of the label, whatever its accents. "
            "`+1415` and `(415) 2` are the beginning of a number. Several numbers, separated by commas or spaces, are "
            "all found.",
        ),
    ] = ""
    status: Annotated[str, Choices("", *COUNTED_STATUSES, FORMER_TAGGED)] = Field(
        "",
        description="`tagged`: any spam label. `in_remediation`, `failed`: tagged, in this state of remediation. "
        "`last_seen`: labelled when last seen. `labelled`: the former name of `tagged`.",
    )
    capability: Annotated[str, Choices("", *PhoneNumber.Capability.values)] = ""
    campaign: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,17}|none)?$", description="A campaign's id, or none.")] = ""
    source: Annotated[str, Choices("", *PhoneNumber.Source.values)] = ""
    engine: Annotated[OptionalId, Field(description="The id of an engine whose label stands.")] = ""


class NumberFiltersRequest(NumberFilters):
    model_config = STRICT_CONFIG


class NumberCreateRequest(RequestSchema):
    number: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            description="As +12065550143 or (206) 555-0143.",
            examples=["+12065550143"],
            json_schema_extra={"format": "phone-number"},
        ),
    ]
    label: Line = ""
    source: Source = PhoneNumber.Source.NATIVE.value
    campaign_id: Id | None = None


class NumberUpdateRequest(RequestSchema):
    """What is left out stays as it is."""

    label: Line | None = None
    source: Source | None = None
    campaign_id: Id | None = Field(None, description="null takes it out of its campaign.")
    end_monitoring: EndMonitoring = False


class NumberReference(ResponseSchema):
    id: int
    number: str


class NumberSummary(ResponseSchema):
    id: int
    number: str
    label: str


def serialize_number_summary(number: PhoneNumber) -> NumberSummary:
    return NumberSummary(id=number.pk, number=number.e164, label=number.label)


def serialize_number(number: PhoneNumber, now: datetime) -> NumberResponse:
    """Serialize a number; select its `campaign` with it."""
    return NumberResponse(
        id=number.pk,
        number=number.e164,
        region=number.region,
        label=number.label,
        source=number.source,
        campaign=CampaignReference(id=number.campaign.pk, name=number.campaign.name) if number.campaign else None,
        capability=number.capability,
        capability_since=number.capability_since,
        capability_reason=number.capability_reason,
        spam_status=number.spam_status_at(now),
        remediation=REMEDIATION_STATES.get(number.spam_status),
        is_tagged=number.is_tagged,
        tagged_since=number.tagged_since,
        checked_at=number.checked_at,
        fresh_until=number.fresh_until,
        added_at=number.added_at,
    )
