"""Events: the audit trail, and the feed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ninja import Schema
from pydantic import Field

from portal.audit.labels import EVENT_KINDS, VIA_LABELS
from reputation.api.schemas.base import ResponseSchema, optional_choice


class EventSubject(ResponseSchema):
    kind: str = Field(examples=["phonenumber"])
    id: int
    label: str = Field(examples=["+12065550143"])


class EventActor(ResponseSchema):
    name: str | None = Field(description="The person or the API key; null for the service itself.")
    via: Literal[tuple(VIA_LABELS)]


class EventResponse(ResponseSchema):
    id: int
    at: datetime
    what: str = Field(description="A code such as tag.detected; new ones may come.", examples=["tag.detected"])
    words: str = Field(examples=["Spam label detected"])
    about: EventSubject
    before: str
    after: str
    reason: str
    by: EventActor


class EventListResponse(ResponseSchema):
    items: list[EventResponse]
    next_cursor: str | None


class EventFeedResponse(ResponseSchema):
    items: list[EventResponse]
    next_cursor: str | None = Field(
        description="Where to go on, also at the end, so that it can be asked again later; null before the first event."
    )
    has_more: bool = Field(description="Whether there is more to read at once.")


class EventFilters(Schema):
    kind: optional_choice(*EVENT_KINDS) = ""
