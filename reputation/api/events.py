"""The events feed: everything that was changed, in order, for whoever keeps another system in step."""

from __future__ import annotations

from collections.abc import Iterable

from ninja import Query, Router

from portal.api.authentication import ApiRequest
from portal.api.operations import endpoint
from portal.api.pagination import Page, cursor, page
from portal.audit import feed
from portal.audit.labels import EVENTS, What
from portal.models import AuditEvent
from reputation.api.schemas.events import By, EventOut, Feed, FeedFilters, Subject

router = Router(tags=["Events"])


@endpoint(router, "GET", "/events", scope="read", answers={200: Feed}, refuses=("invalid", "cursor_invalid"))
def list_events(request: ApiRequest, filters: Query[FeedFilters], asked: Page) -> dict:
    """Follow what happens.

    Oldest first. Keep `next_cursor`, and ask with it again for what has come since: nothing is skipped, and nothing
    comes twice. An event is shown once no older change can still come before it, within seconds as a rule.
    """
    settled = feed.events(account=request.caller.account, kind=filters.kind, now=request.now)
    found = page(settled, asked, of="events", shown=said)
    last = cursor("events", found["items"][-1].id) if found["items"] else asked.cursor
    return {"items": found["items"], "next_cursor": last, "has_more": found["next_cursor"] is not None}


def said(events: Iterable[AuditEvent]) -> list[EventOut]:
    """Their `actor` and `api_key` are read."""
    return [
        EventOut(
            id=event.pk,
            at=event.at,
            what=event.what,
            words=EVENTS.get(event.what, What(event.what)).words,
            about=Subject(kind=event.subject, id=event.subject_id, label=event.subject_label),
            before=event.before,
            after=event.after,
            reason=event.reason,
            by=By(name=_name(event), via=event.via),
        )
        for event in events
    ]


def _name(event: AuditEvent) -> str | None:
    if event.api_key:
        return event.api_key.name
    return event.actor.get_full_name() if event.actor else None
