"""Which numbers a filter selects: how many, and either their ids or the facets that they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from reputation.models import PhoneNumber
from reputation.number_table.scope import NumberScope
from reputation.numbers.filters import NO_CAMPAIGN, NumberFilter

# Up to this many numbers are fetched and sorted; more are read along an index.
MAX_SORTED_IDS = 2_000


@dataclass(frozen=True)
class Selection:
    """The numbers that a filter selects: the ids of all, or the facets of those to read along an index."""

    total: int
    ids: tuple[int, ...] | None = None
    facets: tuple[int, ...] = ()
    has_all_facets: bool = False


def select(
    scope: NumberScope,
    number_filter: NumberFilter,
    facet_counts: Mapping[int, int],
    now: datetime,
    *,
    sort: str,
    max_sorted_ids: int = MAX_SORTED_IDS,
) -> Selection:
    """Select the numbers of the scope that match the filter; three queries at most.

    `facet_counts` says how many numbers of each facet the scope has.
    """
    if number_filter.campaign == NO_CAMPAIGN:
        facet_counts = scope.counts.without_campaign().by_facet()
    elif number_filter.campaign:
        facet_counts = scope.counts.in_campaign(int(number_filter.campaign)).by_facet()
    matching = {facet: count for facet, count in facet_counts.items() if number_filter.may_include_facet(facet)}
    max_total = sum(matching.values())
    if not max_total:
        return Selection(0, ids=())
    along_index = Selection(max_total, facets=tuple(matching), has_all_facets=len(matching) == len(facet_counts))
    is_by_campaign = bool(scope.in_campaign or number_filter.campaign)
    is_in_index_order = not scope.not_in_campaign and (sort == "number" or (sort != "label" and not is_by_campaign))
    if not number_filter.needs_row_filter and (is_in_index_order or max_total > max_sorted_ids):
        return along_index
    numbers = number_filter.apply(scope.numbers, now).order_by()
    if not number_filter.needs_row_filter:
        numbers = numbers.filter(facet__in=matching)
    ids = tuple(numbers.values_list("pk", flat=True)[: max_sorted_ids + 1])
    if len(ids) <= max_sorted_ids:
        return Selection(len(ids), ids=ids)
    if number_filter.status == PhoneNumber.SpamStatus.CLEAN and not (number_filter.q or number_filter.engine):
        # Stale numbers are fewer than clean ones, and so cheaper to count.
        stale = replace(number_filter, status=PhoneNumber.STALE).apply(scope.numbers, now)
        return replace(along_index, total=max_total - stale.order_by().count())
    if number_filter == NumberFilter(engine=number_filter.engine) and scope == NumberScope(scope.account):
        # A number has one active tag per engine at most, and a removed number has none.
        return replace(along_index, total=number_filter.active_tags.for_account(scope.account).count())
    return replace(along_index, total=numbers.count()) if number_filter.needs_row_filter else along_index
