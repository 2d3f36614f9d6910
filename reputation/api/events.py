"""The events feed: everything that was changed, in order, for whoever keeps another system in step."""

from __future__ import annotations

from collections.abc import Iterable

from ninja import Query, Router

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, encode_cursor, paginate
from portal.audit import feed
from portal.audit.labels import EVENT_LABELS, EventLabel
from portal.models import AuditEvent
from reputation.api.schemas.events import EventActor, EventFeedResponse, EventFilters, EventResponse, EventSubject

router = Router(tags=["Events"])


@operation(
    router, "GET", "/events", scope="read", answers={200: EventFeedResponse}, refuses=("invalid", "cursor_invalid")
)
def list_events(request: ApiRequest, filters: Query[EventFilters], asked: PageQuery) -> dict:
    """Follow what happens.

    Oldest first. Keep `next_cursor`, and ask with it again for what has come since: nothing is skipped, and nothing
    comes twice. An event is shown once no older change can still come before it, within seconds as a rule.
    """
    settled = feed.get_settled_events(account=request.caller.account, kind=filters.kind, now=request.context.now)
    found = paginate(settled, asked, of="events", shown=serialize_events)
    last = encode_cursor("events", found["items"][-1].id) if found["items"] else asked.cursor
    return {"items": found["items"], "next_cursor": last, "has_more": found["next_cursor"] is not None}


def serialize_events(events: Iterable[AuditEvent]) -> list[EventResponse]:
    """Their `actor` and `api_key` are read."""
    return [
        EventResponse(
            id=event.pk,
            at=event.at,
            what=event.what,
            words=EVENT_LABELS.get(event.what, EventLabel(event.what)).words,
            about=EventSubject(kind=event.subject, id=event.subject_id, label=event.subject_label),
            before=event.before,
            after=event.after,
            reason=event.reason,
            by=EventActor(name=_actor_name(event), via=event.via),
        )
        for event in events
    ]


def _actor_name(event: AuditEvent) -> str | None:
    if event.api_key:
        return event.api_key.name
    return event.actor.get_full_name() if event.actor else None
