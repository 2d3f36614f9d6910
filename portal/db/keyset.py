"""Lists that grow at their end, newest first, from one row to the next: old pages cost what the first costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True)
class KeysetPage:
    """Rows newest first, with the ids to go on from: `older` for `before=`, `newer` for `after=` (0: none)."""

    rows: list[Any]
    older: int
    newer: int


def paginate(rows: QuerySet, params: Mapping[str, str]) -> KeysetPage:
    """The page of `rows` that the query string asks for, by key; one query."""
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
    """An id as it may stand in an address; 0 where it is none."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0
