"""Schemas of events: the audit trail and the feed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field

from portal.audit.labels import EVENT_KINDS, EVENT_LABELS, VIA_LABELS, EventLabel
from portal.models import AuditEvent
from reputation.api.schemas.base import Choices, ResponseSchema


class EventSubject(ResponseSchema):
    kind: str = Field(examples=["phonenumber"])
    id: int
    label: str = Field(examples=["+12065550143"])


class EventActor(ResponseSchema):
    name: str | None = Field(
        description="The person, by the name at that time, or the API key; null for the service itself."
    )
    email: str | None = Field(description="The person's e-mail address at that time; null if it was no person.")
    via: Annotated[str, Choices(*VIA_LABELS)]


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
    kind: Annotated[str, Choices("", *EVENT_KINDS)] = ""


def serialize_events(events: Iterable[AuditEvent]) -> list[EventResponse]:
    """Serialize events; select them `with_actors`."""
    return [
        EventResponse(
            id=event.pk,
            at=event.at,
            what=event.code,
            words=EVENT_LABELS.get(event.code, EventLabel(event.code)).text,
            about=EventSubject(kind=event.subject_type, id=event.subject_id, label=event.texts.label),
            before=event.texts.before,
            after=event.texts.after,
            reason=event.texts.reason,
            by=_serialize_actor(event),
        )
        for event in events
    ]


def _serialize_actor(event: AuditEvent) -> EventActor:
    if event.api_key:
        return EventActor(name=event.api_key.name, email=None, via=event.via)
    return EventActor(name=event.actor_name, email=event.actor_email or None, via=event.via)
