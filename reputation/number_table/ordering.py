"""The sort orders of the table, as segments that a database index holds in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Q

from reputation.models import PhoneNumber
from reputation.models.counts import FACETS

# The sort parameter and the column heading. Equal rows are sorted by number.
SORTS = {
    "number": "Number",
    "label": "Label",
    "status": "Spam status",
    "capability": "Capability",
    "checked": "Last checked",
}
COLUMN_SORTS = ("label", "checked")
# The rank of a facet in an order. See PhoneNumber.facet.
_FACET_RANKS: dict[str, Callable[[int], int]] = {
    "status": lambda facet: PhoneNumber.STATUSES_BY_URGENCY.index(PhoneNumber.SpamStatus(FACETS[facet][0])),
    "capability": lambda facet: facet // 100 % 10,
}


@dataclass(frozen=True)
class OrderSegment:
    """Numbers of one rank that match the condition, sorted by `column` (if any) and then by number.

    With `facets`, only numbers of these facets.
    """

    rank: int
    condition: Q
    column: str = ""
    facets: tuple[int, ...] | None = None


@dataclass(frozen=True)
class SortOrder:
    """One of SORTS, ascending or descending."""

    sort: str
    ascending: bool

    @property
    def comparison(self) -> str:
        """The lookup that finds rows behind a value."""
        return "gt" if self.ascending else "lt"

    def beyond(self, field: str, value: object) -> Q:
        return Q(**{f"{field}__{self.comparison}": value})

    def segments(self, row: PhoneNumber | None, facets: Sequence[int]) -> list[OrderSegment]:
        """Return the numbers behind `row` (or all numbers) as segments, in no particular order."""
        behind = self.beyond("e164", row.e164) if row else Q()
        if self.sort in _FACET_RANKS:
            return self._facet_segments(row, facets, behind)
        if self.sort == "label":
            return self._label_segments(row, behind)
        if self.sort == "checked":
            return self._checked_segments(row, facets, behind)
        return [OrderSegment(0, behind)]

    def _facet_segments(self, row: PhoneNumber | None, facets: Sequence[int], behind: Q) -> list[OrderSegment]:
        get_rank = _FACET_RANKS[self.sort]
        row_rank = get_rank(row.facet) if row else None
        segments = []
        for rank in {get_rank(facet) for facet in facets}:
            if row_rank is None or rank == row_rank or (rank > row_rank) == self.ascending:
                condition = behind if rank == row_rank else Q()
                rank_facets = tuple(facet for facet in facets if get_rank(facet) == rank)
                segments.append(OrderSegment(rank, condition, facets=rank_facets))
        return segments

    def _label_segments(self, row: PhoneNumber | None, behind: Q) -> list[OrderSegment]:
        if row is None:
            return [OrderSegment(0, Q(), "label")]
        same_label = OrderSegment(0, behind & Q(label=row.label))
        return [same_label, OrderSegment(1 if self.ascending else -1, self.beyond("label", row.label), "label")]

    def _checked_segments(self, row: PhoneNumber | None, facets: Sequence[int], behind: Q) -> list[OrderSegment]:
        """Numbers that were never checked come first. Databases disagree on the position of NULL."""
        never_facets = tuple(facet for facet in facets if not FACETS[facet][3])
        checked_facets = tuple(facet for facet in facets if FACETS[facet][3])
        # The condition of the partial index number_by_check.
        all_checked = OrderSegment(1, Q(checked_at__isnull=False), "checked_at", checked_facets)
        if row is None:
            return [OrderSegment(0, Q(), "", never_facets), all_checked]
        if row.checked_at is None:
            same_time = OrderSegment(0, behind, "", never_facets)
            return [same_time, all_checked] if self.ascending else [same_time]
        same_time = OrderSegment(1, behind & Q(checked_at=row.checked_at), "", checked_facets)
        other_times = OrderSegment(1, self.beyond("checked_at", row.checked_at), "checked_at", checked_facets)
        if self.ascending:
            return [same_time, other_times]
        return [same_time, other_times, OrderSegment(0, Q(), "", never_facets)]
