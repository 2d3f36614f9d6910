"""Events: the audit trail, and the feed."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ninja import Schema
from pydantic import Field

from portal.audit.labels import KINDS, VIA
from reputation.api.schemas.base import Said, one_of


class Subject(Said):
    kind: str = Field(examples=["phonenumber"])
    id: int
    label: str = Field(examples=["+12065550143"])


class By(Said):
    name: str | None = Field(description="The person or the API key; null for the service itself.")
    via: Literal[tuple(VIA)]


class EventOut(Said):
    id: int
    at: datetime
    what: str = Field(description="A code such as tag.detected; new ones may come.", examples=["tag.detected"])
    words: str = Field(examples=["Spam label detected"])
    about: Subject
    before: str
    after: str
    reason: str
    by: By


class Events(Said):
    items: list[EventOut]
    next_cursor: str | None


class Feed(Said):
    items: list[EventOut]
    next_cursor: str | None = Field(
        description="Where to go on, also at the end, so that it can be asked again later; null before the first event."
    )
    has_more: bool = Field(description="Whether there is more to read at once.")


class FeedFilters(Schema):
    kind: one_of(*KINDS) = ""
