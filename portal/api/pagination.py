"""Lists by key: a page says from which id the next one goes on, in a cursor that callers pass on as it came."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Annotated, Any

from django.db.models import QuerySet
from ninja import Query, Schema
from pydantic import Field, StringConstraints

from portal.api.problems import validation_problem

MAX_LIMIT = 200


class PageParams(Schema):
    cursor: Annotated[
        Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{4,80}$")] | None,
        Field(description="`next_cursor` of the page before; leave it out to begin."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most.")] = 50


PageQuery = Query[PageParams]


def paginate(
    rows: QuerySet, asked: PageParams, *, of: str, shown: Callable[[list], list], newest_first: bool = False
) -> dict[str, Any]:
    """The rows after the cursor by id, as `shown` makes them; `of` is the list's name, which its cursors carry."""
    after = decode_cursor(asked.cursor, of=of)
    if after is not None:
        rows = rows.filter(pk__lt=after) if newest_first else rows.filter(pk__gt=after)
    found = list(rows.order_by("-pk" if newest_first else "pk")[: asked.limit + 1])
    more = len(found) > asked.limit
    found = found[: asked.limit]
    return {"items": shown(found), "next_cursor": encode_cursor(of, found[-1].pk) if more else None}


def encode_cursor(of: str, pk: int) -> str:
    return base64.urlsafe_b64encode(f"{of}:{pk}".encode()).decode().rstrip("=")


def decode_cursor(text: str | None, *, of: str) -> int | None:
    """The id that a cursor of this list stands for; None for no cursor. Raises a Problem for anything else."""
    if not text:
        return None
    try:
        read = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        read = ""
    found = re.fullmatch(r"([a-z-]+):(\d{1,18})", read)
    if not found or found[1] != of or encode_cursor(of, int(found[2])) != text:
        raise validation_problem("query.cursor", "This is no cursor of this list.", code="cursor_invalid")
    return int(found[2])
