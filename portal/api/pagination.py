"""Pages of lists, by key: a page ends with a cursor, which names the last id and is passed on to get the next page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from ninja import Query, Schema
from pydantic import Field, StringConstraints

from portal.api.problems import validation_problem

MAX_LIMIT = 200
Row = TypeVar("Row", bound=Model)


class PageParams(Schema):
    cursor: Annotated[
        Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{4,80}$")] | None,
        Field(description="`next_cursor` of the page before; leave it out to begin."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most.")] = 50


PageQuery = Query[PageParams]


def paginate(
    rows: QuerySet[Row],
    params: PageParams,
    *,
    list_name: str,
    serialize: Callable[[list[Row]], list[Any]],
    newest_first: bool = False,
) -> dict[str, Any]:
    """Return the serialized rows after the cursor, ordered by id. Cursors contain the name of their list."""
    after = decode_cursor(params.cursor, list_name=list_name)
    if after is not None:
        rows = rows.filter(pk__lt=after) if newest_first else rows.filter(pk__gt=after)
    found = list(rows.order_by("-pk" if newest_first else "pk")[: params.limit + 1])
    has_more = len(found) > params.limit
    found = found[: params.limit]
    return {"items": serialize(found), "next_cursor": encode_cursor(list_name, found[-1].pk) if has_more else None}


def encode_cursor(list_name: str, pk: int) -> str:
    return base64.urlsafe_b64encode(f"{list_name}:{pk}".encode()).decode().rstrip("=")


def decode_cursor(text: str | None, *, list_name: str) -> int | None:
    """Return the id in a cursor of this list, or None without a cursor. Raises a Problem for anything else."""
    if not text:
        return None
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        decoded = ""
    match = re.fullmatch(r"([a-z-]+):(\d{1,18})", decoded)
    if not match or match[1] != list_name or encode_cursor(list_name, int(match[2])) != text:
        raise validation_problem("query.cursor", "This is no cursor of this list.", code="cursor_invalid")
    return int(match[2])
