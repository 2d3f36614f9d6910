"""The table of numbers: one page of the numbers that a filter selects, in a sort order, with what its toolbar needs.

The cost of a page depends on the rows it shows, not on how many numbers are stored:

- Totals come from the stored counts (NumberCount).
- Pages go by key, not by offset. The parameter `after=POSITION~ID` or `before=POSITION~ID` names the row that the page
  continues from, and the row's position in the table for display.
- An index by facet stores the numbers of one spam status, capability and source next to each other, in the order of
  the page. A page merges the first rows of every facet that the filter selects, so nothing else is read.
- No index holds the order for a search, an engine, or a campaign sorted by another column than number. If such a
  filter selects few numbers, all are fetched and sorted; if it selects many, the next matching row is always near.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reputation.labels import COUNTED_STATUSES, SPAM_STATUS_LABELS, StatusLabel
from reputation.models import Campaign, Engine, PhoneNumber
from reputation.models.counts import FACETS
from reputation.number_table.alerts import NumberRow, build_rows
from reputation.number_table.ordering import SORTS, SortOrder
from reputation.number_table.paging import fetch_page
from reputation.number_table.scope import NumberScope
from reputation.number_table.selection import MAX_SORTED_IDS, select
from reputation.numbers.filters import NO_CAMPAIGN, NumberFilter

PAGE_SIZE = 50
Status = PhoneNumber.SpamStatus
MAIN_STATUSES = (Status.TAGGED, Status.IN_REMEDIATION, Status.FAILED, Status.CLEAN)


@dataclass(frozen=True)
class StatusCount:
    """How many numbers of the scope have a spam status. `value` filters by it."""

    value: str
    count: int
    label: StatusLabel

    @property
    def is_listed(self) -> bool:
        """Whether the count is shown above the table: the four main statuses always, others if they have numbers."""
        return self.count > 0 or self.value in MAIN_STATUSES


@dataclass
class NumberTable:
    """One page of the table and the choices of its toolbar.

    `previous` and `next` are the values of the `before` and `after` parameters, empty without such a page.
    `unmatched_rows` are rows that an open page shows although they are no longer on it: the page updates them.
    """

    rows: list[NumberRow]
    filter: NumberFilter
    sort: str
    descending: bool
    start: int
    total: int
    previous: str
    next: str
    status_counts: list[StatusCount]
    scope_total: int
    campaigns: list[Campaign]
    engines: list[Engine]
    now: datetime
    unmatched_rows: list[NumberRow]

    @property
    def end(self) -> int:
        return self.start + len(self.rows) - 1

    @property
    def hidden_count(self) -> int:
        """Return how many of the selected numbers are on other pages."""
        return self.total - len(self.rows)

    @property
    def status_choices(self) -> list[tuple[str, str]]:
        return [(value, SPAM_STATUS_LABELS[value].word) for value in COUNTED_STATUSES]

    @property
    def capability_choices(self) -> list[tuple[str, str]]:
        return PhoneNumber.Capability.choices

    @property
    def source_choices(self) -> list[tuple[str, str]]:
        return PhoneNumber.Source.choices

    @property
    def campaign_choices(self) -> list[tuple[int | str, str]]:
        return [(NO_CAMPAIGN, "In no campaign"), *((campaign.pk, campaign.name) for campaign in self.campaigns)]

    @property
    def engine_choices(self) -> list[tuple[int, str]]:
        return [(engine.pk, engine.name) for engine in self.engines]

    @property
    def sort_choices(self) -> list[tuple[str, str]]:
        """Return the sort orders. The default one has an empty value, which keeps it out of the URL."""
        return [
            ("" if value == "number" else value, f"By {heading.lower()}{suffix}")
            for name, heading in SORTS.items()
            for value, suffix in ((name, ""), (f"-{name}", ", descending"))
        ]

    @property
    def sort_value(self) -> str:
        value = f"-{self.sort}" if self.descending else self.sort
        return "" if value == "number" else value

    @property
    def headings(self) -> dict[str, dict[str, str]]:
        """Return for each sortable column the next sort order (`next`) and the current one (`now`, for aria-sort)."""
        headings = {}
        for name in SORTS:
            is_current = name == self.sort
            headings[name] = {
                "next": f"-{name}" if is_current and not self.descending else name,
                "now": ("descending" if self.descending else "ascending") if is_current else "",
            }
        return headings


def get_number_table(
    params: Mapping[str, str],
    *,
    scope: NumberScope,
    now: datetime,
    shown_ids: Sequence[int] = (),
    page_size: int = PAGE_SIZE,
    max_sorted_ids: int = MAX_SORTED_IDS,
) -> NumberTable:
    """Return the page that the query parameters ask for; a bounded number of queries.

    `shown_ids` are the ids that an open page shows. Those that are not on this page come as `unmatched_rows`.
    """
    number_filter = NumberFilter.from_params(params)
    sort = params.get("sort", "number")
    descending, sort = sort.startswith("-"), sort.lstrip("-")
    if sort not in SORTS:
        sort, descending = "number", False
    facet_counts = scope.counts.by_facet()
    status_counts, scope_total = count_by_status(scope, facet_counts, now)
    selection = select(scope, number_filter, facet_counts, now, sort=sort, max_sorted_ids=max_sorted_ids)
    order = SortOrder(sort, ascending=not descending)
    page = fetch_page(scope, number_filter, selection, params, now, order, page_size)
    unmatched_ids = set(shown_ids) - {number.pk for number in page.rows}
    unmatched = list(scope.account_numbers.only_list_fields().filter(pk__in=unmatched_ids)) if unmatched_ids else []
    campaigns = {campaign.pk: campaign for campaign in Campaign.objects.for_account(scope.account).order_by("name")}
    for number in (*page.rows, *unmatched):
        number.campaign = campaigns.get(number.campaign_id)
    rows = build_rows([*page.rows, *unmatched], now)
    count = len(page.rows)
    return NumberTable(
        rows=rows[:count],
        unmatched_rows=rows[count:],
        filter=number_filter,
        sort=sort,
        descending=descending,
        start=page.start,
        total=selection.total,
        previous=f"{page.start}~{page.rows[0].pk}" if page.rows and page.has_previous else "",
        next=f"{page.start + count - 1}~{page.rows[-1].pk}" if page.rows and page.has_next else "",
        status_counts=status_counts,
        scope_total=scope_total,
        campaigns=list(campaigns.values()),
        engines=list(Engine.objects.filter(in_use=True)),
        now=now,
    )


def count_by_status(
    scope: NumberScope, facet_counts: Mapping[int, int], now: datetime
) -> tuple[list[StatusCount], int]:
    """Return how many numbers of the scope have each spam status, and the total; one query at most.

    Tagged numbers are counted as such in any state of remediation, and by state. Stale numbers are stored as clean, and
    counted here.
    """
    counts: dict[str, int] = dict.fromkeys(COUNTED_STATUSES, 0)
    for facet, count in facet_counts.items():
        status = FACETS[facet][0]
        shown = {Status.TAGGED.value, status} - {Status.TAGGED_AGAIN} if status in PhoneNumber.TAGGED else {status}
        for value in shown:
            counts[value] += count
    if counts[Status.CLEAN]:
        counts[PhoneNumber.STALE] = scope.numbers.with_spam_status(PhoneNumber.STALE, now).count()
        counts[Status.CLEAN] -= counts[PhoneNumber.STALE]
    status_counts = [StatusCount(value, count, SPAM_STATUS_LABELS[value]) for value, count in counts.items()]
    return status_counts, sum(facet_counts.values())
