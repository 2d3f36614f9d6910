"""Keyset pagination for lists that grow, newest first: every page costs as much as the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True)
class KeysetPage:
    """Rows newest first. `older` is the id for `?before=`, `newer` the id for `?after=`; 0 if there is no such page."""

    rows: list[Any]
    older: int
    newer: int


def paginate(rows: QuerySet, params: Mapping[str, str]) -> KeysetPage:
    """Return the page of `rows` that `before` or `after` in the query string asks for, in one query."""
    return paginate_merged({"pk": rows}, params)


def paginate_merged(sources: Mapping[str, QuerySet], params: Mapping[str, str]) -> KeysetPage:
    """Return the page of several querysets in one order: each by its own key field, with one query for each.

    The keys of all `sources` together are unique.
    """
    before, after = parse_id(params.get("before")), parse_id(params.get("after"))
    found: list[tuple[int, Any]] = []
    for field, rows in sources.items():
        if after:
            ahead = rows.filter(**{f"{field}__gt": after}).order_by(field)
        else:
            ahead = (rows.filter(**{f"{field}__lt": before}) if before else rows).order_by(f"-{field}")
        found += [(getattr(row, field), row) for row in ahead[: PAGE_SIZE + 1]]
    found.sort(key=lambda pair: pair[0], reverse=not after)
    has_more = len(found) > PAGE_SIZE
    more_newer, more_older = (has_more, True) if after else (bool(before), has_more)
    shown = sorted(found[:PAGE_SIZE], key=lambda pair: pair[0], reverse=True)
    return KeysetPage(
        rows=[row for _, row in shown],
        older=shown[-1][0] if shown and more_older else 0,
        newer=shown[0][0] if shown and more_newer else 0,
    )


def parse_id(text: str | None) -> int:
    """Return an id from a query string or form; 0 if the text is not one (ids have at most 18 digits)."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def parse_ids(texts: Iterable[str]) -> list[int]:
    """Return the ids among the texts; what is not an id is left out."""
    return [pk for pk in map(parse_id, texts) if pk]
