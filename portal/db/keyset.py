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
    before, after = parse_id(params.get("before")), parse_id(params.get("after"))
    if after:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: PAGE_SIZE + 1])
        more_newer, more_older = len(found) > PAGE_SIZE, True
        found = found[:PAGE_SIZE][::-1]
    else:
        found = list((rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: PAGE_SIZE + 1])
        more_newer, more_older = bool(before), len(found) > PAGE_SIZE
        found = found[:PAGE_SIZE]
    return KeysetPage(
        rows=found,
        older=found[-1].pk if found and more_older else 0,
        newer=found[0].pk if found and more_newer else 0,
    )


def parse_id(text: str | None) -> int:
    """Return an id from a query string or form; 0 if the text is not one (ids have at most 18 digits)."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def parse_ids(texts: Iterable[str]) -> list[int]:
    """Return the ids among the texts; what is not an id is left out."""
    return [pk for pk in map(parse_id, texts) if pk]
