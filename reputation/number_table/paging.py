"""Fetch one page of the selected numbers, by key and along an index."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F

from portal.db.in_list import in_list
from reputation.models import PhoneNumber
from reputation.models.counts import FACETS
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.number_table.ordering import COLUMN_SORTS, OrderSegment, SortOrder
from reputation.number_table.scope import NumberScope
from reputation.number_table.selection import Selection
from reputation.numbers.filters import NO_CAMPAIGN, NumberFilter

# Replaced by each facet in turn: the ORM compiles the query of a segment once for all its facets.
_FACET_PLACEHOLDER = -1


@dataclass(frozen=True)
class Page:
    """Rows of one page, the position of the first (from 1; 0 without rows), and whether other pages surround it."""

    rows: list[PhoneNumber]
    start: int
    has_previous: bool
    has_next: bool


@dataclass(frozen=True)
class _IndexRange:
    """Numbers that an index holds in the order of the segment; with `facets`, those of each facet separately."""

    segment: OrderSegment
    numbers: PhoneNumberQuerySet
    facets: tuple[int, ...] | None = None


def fetch_page(
    scope: NumberScope,
    number_filter: NumberFilter,
    selection: Selection,
    params: Mapping[str, str],
    now: datetime,
    order: SortOrder,
    page_size: int,
) -> Page:
    """Return the page at the `after` or `before` parameter, or the first page; three queries at most."""
    if not selection.total:
        return Page([], 0, has_previous=False, has_next=False)
    is_backwards = "before" in params
    position = re.fullmatch(r"(\d{1,9})~(\d{1,18})", params.get("before" if is_backwards else "after", ""))
    from_row = scope.numbers.filter(pk=position[2]).first() if position else None
    if is_backwards:
        order = replace(order, ascending=not order.ascending)
    index_ranges = _index_ranges(scope, number_filter, selection, now, order, from_row)
    ids = _fetch_ids(index_ranges, order, page_size + 1)
    has_more = len(ids) > page_size
    by_id = PhoneNumber.objects.only_list_fields().in_bulk(ids[:page_size])
    rows = [by_id[pk] for pk in ids[:page_size] if pk in by_id]
    if from_row is None or position is None:
        return Page(rows, 1 if rows else 0, has_previous=False, has_next=has_more)
    if is_backwards:
        rows.reverse()
        return Page(rows, max(int(position[1]) - len(rows), 1), has_previous=has_more, has_next=True)
    return Page(rows, int(position[1]) + 1, has_previous=True, has_next=has_more)


def _index_ranges(
    scope: NumberScope,
    number_filter: NumberFilter,
    selection: Selection,
    now: datetime,
    order: SortOrder,
    from_row: PhoneNumber | None,
) -> list[_IndexRange]:
    """Return the numbers of each segment, from the selected ids or along the index that holds them in order."""
    if selection.ids is not None:
        return _ranges_of_ids(selection.ids, order, from_row)
    campaign = scope.in_campaign.pk if scope.in_campaign else number_filter.campaign
    numbers = number_filter.apply_row_filter(scope.account_numbers, now)
    if scope.not_in_campaign:
        numbers = numbers.not_in_campaign(scope.not_in_campaign)
    if campaign == NO_CAMPAIGN:
        numbers = numbers.without_campaign()
    elif campaign and order.sort in COLUMN_SORTS:
        # `+ 0` keeps the planner off the index of the campaign: it would sort all numbers of the campaign.
        numbers = numbers.alias(no_index_campaign=F("campaign") + 0).filter(no_index_campaign=int(campaign))
    elif campaign:
        numbers = numbers.filter(campaign=int(campaign))
    segments = order.segments(from_row, selection.facets)
    if order.sort == "label":
        if not selection.has_all_facets:
            # Likewise, off the indexes by facet.
            numbers = numbers.alias(no_index_facet=F("facet") + 0).filter(no_index_facet__in=selection.facets)
        return [_IndexRange(segment, numbers.filter(segment.condition)) for segment in segments]
    if order.sort == "number" and selection.has_all_facets and not campaign:
        return [_IndexRange(segment, numbers.filter(segment.condition)) for segment in segments]
    numbers = numbers.filter(facet=_FACET_PLACEHOLDER)
    return [
        _IndexRange(
            segment,
            numbers.filter(segment.condition),
            selection.facets if segment.facets is None else segment.facets,
        )
        for segment in segments
    ]


def _ranges_of_ids(ids: Sequence[int], order: SortOrder, from_row: PhoneNumber | None) -> list[_IndexRange]:
    selected = PhoneNumber.objects.filter(pk__in=in_list(ids))
    index_ranges = []
    for segment in order.segments(from_row, list(FACETS)):
        numbers = selected if segment.facets is None else selected.filter(facet__in=segment.facets)
        index_ranges.append(_IndexRange(segment, numbers.filter(segment.condition)))
    return index_ranges


def _fetch_ids(index_ranges: Sequence[_IndexRange], order: SortOrder, limit: int) -> list[int]:
    """Return the first ids of all ranges together, in their order; one query."""
    sign = "" if order.ascending else "-"
    fields = ("pk", "e164", "checked_at") if order.sort == "checked" else ("pk", "e164")
    selects: list[str] = []
    params: list[Any] = []  # of any type that a filter compares with
    for position, index_range in enumerate(index_ranges):
        columns = [f"{sign}{column}" for column in (index_range.segment.column, "e164") if column]
        numbers = index_range.numbers.order_by(*columns).values_list(*fields)[:limit]
        try:
            sql, sql_params = numbers.query.sql_with_params()
        except EmptyResultSet:
            continue
        for facet in (None,) if index_range.facets is None else index_range.facets:
            selects.append(f"SELECT {position}, page{len(selects)}.* FROM ({sql}) AS page{len(selects)}")
            params += [facet if value == _FACET_PLACEHOLDER else value for value in sql_params]
    if not selects:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), params)
        rows = cursor.fetchall()

    def sort_key(row: tuple) -> tuple:
        position, _pk, e164, *checked_at = row
        rank = index_ranges[position].segment.rank
        if order.sort == "label":
            # The rows of a segment come in the database's collation, which Python does not know.
            return (rank,)
        return (rank, (checked_at[0] or "") if checked_at else "", e164)

    return [row[1] for row in sorted(rows, key=sort_key, reverse=not order.ascending)][:limit]
