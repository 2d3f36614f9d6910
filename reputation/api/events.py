"""The events feed: every change, in order, for systems that follow the portal."""

from __future__ import annotations

from ninja import Query, Router

from portal.api.authentication import ApiRequest
from portal.api.operations import operation
from portal.api.pagination import PageQuery, encode_cursor, paginate
from portal.audit import feed
from reputation.api.schemas.events import EventFeedResponse, EventFilters, serialize_events

router = Router(tags=["Events"])


@operation(
    router, "GET", "/events", scope="read", responses={200: EventFeedResponse}, problems=("invalid", "cursor_invalid")
)
def list_events(request: ApiRequest, filters: Query[EventFilters], page_params: PageQuery) -> dict:
    """Follow what happens.

    Oldest first. Keep `next_cursor`, and ask with it again for what has come since: nothing is skipped, and nothing
    comes twice. An event is shown once no older change can still come before it, within seconds as a rule.
    """
    settled = feed.get_settled_events(account=request.caller.account, kind=filters.kind, now=request.context.now)
    found = paginate(settled, page_params, list_name="events", serialize=serialize_events)
    last = encode_cursor("events", found["items"][-1].id) if found["items"] else page_params.cursor
    return {"items": found["items"], "next_cursor": last, "has_more": found["next_cursor"] is not None}
