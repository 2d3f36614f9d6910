"""The table of numbers: one page of what a filter leaves, in an order, with everything its toolbar needs.

A page costs what it shows, however many numbers are stored:

- What is counted is read from the sums that the database keeps (NumberCount).
- Pages go by key, not by offset. A place in the table is `after=START~ID` or `before=START~ID`: the id of the row it
  continues from, and that row's position for the reader.
- An index by facet holds numbers of one spam status, capability and source side by side, in the order of the page. The
  page is the first of all facets that the filter leaves, so that nothing is read that is not shown or next to it.
- Only a search, an engine, or a campaign in another order than by number leave something that no index has in order.
  Where that is little, it is gathered and sorted; where it is much, the next row that fits is never far.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q

from portal.db.in_list import in_list
from portal.models import Account
from reputation.labels import COUNTED_STATUSES, SPAM_STATUS_LABELS, StatusLabel
from reputation.models import Campaign, Engine, NumberCount, PhoneNumber
from reputation.models.counts import FACETS, NumberCountQuerySet
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.number_table.alerts import NumberRow, build_rows
from reputation.numbers.filters import NO_CAMPAIGN, NumberFilter

PAGE_SIZE = 50
# So many numbers are gathered and sorted rather than looked for along an index.
MAX_SORTED_IDS = 2_000
Status = PhoneNumber.SpamStatus

# What the table can be sorted by: the name in the address, and the heading. Equals stand in the order of their numbers.
SORTS = {
    "number": "Number",
    "label": "Label",
    "status": "Spam status",
    "capability": "Capability",
    "checked": "Last checked",
}
# Orders by what a facet's digits say, and orders by a column.
_FACET_RANKS = {"status": lambda facet: facet // 1000, "capability": lambda facet: facet // 100 % 10}
_COLUMN_SORTS = ("label", "checked")


@dataclass(frozen=True)
class StatusCount:
    value: str
    count: int
    said: StatusLabel


@dataclass
class NumberTable:
    """One page of the table, read from a query string by `read`."""

    rows: list[NumberRow]
    filter: NumberFilter
    sort: str
    descending: bool
    start: int
    total: int
    previous: str
    next: str
    tallies: list[StatusCount]
    all_numbers: int
    campaigns: list[Campaign]
    engines: list[Engine]
    now: datetime
    # Rows that an open page still shows although they no longer match: a live page asks for these, too.
    departed: list[NumberRow]

    @property
    def end(self) -> int:
        return self.start + len(self.rows) - 1

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [
            (PhoneNumber.LABELLED, "Any spam label"),
            *((value, SPAM_STATUS_LABELS[value].word) for value in COUNTED_STATUSES),
        ]

    @property
    def capabilities(self) -> list[tuple[str, str]]:
        return PhoneNumber.Capability.choices

    @property
    def sources(self) -> list[tuple[str, str]]:
        return PhoneNumber.Source.choices

    @property
    def campaign_choices(self) -> list[tuple[int | str, str]]:
        return [(NO_CAMPAIGN, "In no campaign"), *((campaign.pk, campaign.name) for campaign in self.campaigns)]

    @property
    def engine_choices(self) -> list[tuple[int, str]]:
        return [(engine.pk, engine.name) for engine in self.engines]

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """The orders as choices; the default one needs no value in the address."""
        return [
            ("" if value == "number" else value, f"By {words.lower()}{way}")
            for name, words in SORTS.items()
            for value, way in ((name, ""), (f"-{name}", ", descending"))
        ]

    @property
    def sorted_by(self) -> str:
        value = f"-{self.sort}" if self.descending else self.sort
        return "" if value == "number" else value

    @property
    def headings(self) -> dict[str, dict[str, str]]:
        """For each sortable column: what a press on its heading sorts by next, and how it is sorted now."""
        headings = {}
        for name in SORTS:
            current = name == self.sort
            headings[name] = {
                "next": f"-{name}" if current and not self.descending else name,
                "now": ("descending" if self.descending else "ascending") if current else "",
            }
        return headings


@dataclass(frozen=True)
class NumberScope:
    """Whose numbers a table is about: all of the account, those of a campaign, or all but those."""

    account: Account
    inside: Campaign | None = None
    outside: Campaign | None = None

    @property
    def account_numbers(self) -> PhoneNumberQuerySet:
        return PhoneNumber.objects.for_account(self.account)

    @property
    def numbers(self) -> PhoneNumberQuerySet:
        return self._narrowed(self.account_numbers)

    @property
    def counts(self) -> NumberCountQuerySet:
        return self._narrowed(NumberCount.objects.for_account(self.account))

    def _narrowed(self, asked: PhoneNumberQuerySet | NumberCountQuerySet) -> PhoneNumberQuerySet | NumberCountQuerySet:
        if self.inside:
            return asked.in_campaign(self.inside.pk)
        return asked.outside_campaign(self.outside.pk) if self.outside else asked


def get_number_table(
    params: Mapping[str, str], *, scope: NumberScope, now: datetime, still_shown: Sequence[int] = ()
) -> NumberTable:
    """The page that the query string asks for; a fixed number of queries at most.

    `still_shown` are ids that an open page shows: those that are no longer on this page come as `departed`.
    """
    account, chosen = scope.account, NumberFilter.read(params)
    sort = params.get("sort", "number")
    descending, sort = sort.startswith("-"), sort.lstrip("-")
    if sort not in SORTS:
        sort, descending = "number", False
    by_facet = scope.counts.by_facet()
    tallies, all_numbers = count_by_status(scope, by_facet, now)
    found = _select(scope, chosen, by_facet, now, sort=sort)
    order = _SortOrder(sort, upwards=not descending)
    page, start, more_before, more_after = _fetch_page(scope, chosen, found, params, now, order)
    departed = set(still_shown) - {number.pk for number in page}
    gone = list(scope.account_numbers.as_listed().filter(pk__in=departed))  # an empty IN asks the database nothing
    campaigns = {campaign.pk: campaign for campaign in Campaign.objects.for_account(account).order_by("name")}
    for number in (*page, *gone):
        number.campaign = campaigns.get(number.campaign_id)
    rows = build_rows([*page, *gone], now)
    return NumberTable(
        rows=rows[: len(page)],
        departed=rows[len(page) :],
        filter=chosen,
        sort=sort,
        descending=descending,
        start=start,
        total=found.total,
        previous=f"{start}~{page[0].pk}" if page and more_before else "",
        next=f"{start + len(page) - 1}~{page[-1].pk}" if page and more_after else "",
        tallies=tallies,
        all_numbers=all_numbers,
        campaigns=list(campaigns.values()),
        engines=list(Engine.objects.filter(in_use=True)),
        now=now,
    )


def count_by_status(scope: NumberScope, by_facet: Mapping[int, int], now: datetime) -> tuple[list[StatusCount], int]:
    """How many numbers there are of each spam status, and in all; one query."""
    counts: dict[str, int] = dict.fromkeys(COUNTED_STATUSES, 0)
    for facet, count in by_facet.items():
        status = FACETS[facet][0]
        counts["tagged" if status == Status.TAGGED_AGAIN else status] += count
    if counts[Status.CLEAN]:
        counts[PhoneNumber.STALE] = scope.numbers.with_spam_status(PhoneNumber.STALE, now).count()
        counts[Status.CLEAN] -= counts[PhoneNumber.STALE]
    tallies = [StatusCount(value, count, SPAM_STATUS_LABELS[value]) for value, count in counts.items()]
    return tallies, sum(counts.values())


# --- which numbers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Selection:
    """What a filter leaves: how many, and either the ids of all, or in which facets the next of them stand."""

    total: int
    ids: tuple[int, ...] | None = None
    facets: tuple[int, ...] = ()
    are_all_facets: bool = False


def _select(
    scope: NumberScope, chosen: NumberFilter, there: Mapping[int, int], now: datetime, *, sort: str
) -> _Selection:
    """`there` is how many numbers the scope has of each facet. Three queries at most."""
    if chosen.campaign == NO_CAMPAIGN:
        there = scope.counts.outside_campaigns().by_facet()
    elif chosen.campaign:
        there = scope.counts.in_campaign(int(chosen.campaign)).by_facet()
    left = {facet: count for facet, count in there.items() if chosen.leaves(facet)}
    most = sum(left.values())
    if not most:
        return _Selection(0, ids=())
    along = _Selection(most, facets=tuple(left), are_all_facets=len(left) == len(there))
    is_by_campaign = bool(scope.inside or chosen.campaign)
    is_in_order = not scope.outside and (sort == "number" or (sort != "label" and not is_by_campaign))
    if not chosen.asks_more and (is_in_order or most > MAX_SORTED_IDS):
        return along
    numbers = chosen.apply(scope.numbers, now).order_by()
    if not chosen.asks_more:
        numbers = numbers.filter(facet__in=left)
    ids = tuple(numbers.values_list("pk", flat=True)[: MAX_SORTED_IDS + 1])
    if len(ids) <= MAX_SORTED_IDS:
        return _Selection(len(ids), ids=ids)
    if chosen.status == Status.CLEAN and not (chosen.q or chosen.engine):  # those that are stale are fewer
        stale = replace(chosen, status=PhoneNumber.STALE).apply(scope.numbers, now)
        return replace(along, total=most - stale.order_by().count())
    if chosen == NumberFilter(engine=chosen.engine) and scope == NumberScope(scope.account):
        # An engine's tag on a number stands once, and none does on a number that was removed.
        return replace(along, total=chosen.standing_tags.for_account(scope.account).count())
    return replace(along, total=numbers.count()) if chosen.asks_more else along


# --- in which order --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _SortOrder:
    sort: str
    upwards: bool

    def parts(self, row: PhoneNumber | None, facets: Sequence[int]) -> list[_OrderSegment]:
        """What stands behind the row (or all) in parts, in each of which one column and the number give the order.

        Never checked comes before checked; to a database, nothing is neither more nor less than a moment.
        """
        behind = Q(**{f"e164__{self.sign}": row.e164}) if row else Q()
        if self.sort in _FACET_RANKS:
            rank_of = _FACET_RANKS[self.sort]
            here = rank_of(row.facet) if row else None
            parts = [
                _OrderSegment(
                    rank, behind if rank == here else Q(), facets=tuple(f for f in facets if rank_of(f) == rank)
                )
                for rank in {rank_of(facet) for facet in facets}
            ]
            return [part for part in parts if here is None or part.rank == here or (part.rank > here) == self.upwards]
        if self.sort == "label":
            if row is None:
                return [_OrderSegment(0, Q(), "label")]
            beyond = 1 if self.upwards else -1
            return [
                _OrderSegment(0, behind & Q(label=row.label)),
                _OrderSegment(beyond, self.past(label=row.label), "label"),
            ]
        if self.sort == "checked":
            never = tuple(facet for facet in facets if not FACETS[facet][3])
            checked = tuple(facet for facet in facets if FACETS[facet][3])
            ever = Q(checked_at__isnull=False)  # in the words of the index
            if row is None:
                return [_OrderSegment(0, Q(), "", never), _OrderSegment(1, ever, "checked_at", checked)]
            if row.checked_at is None:
                more = [_OrderSegment(1, ever, "checked_at", checked)] if self.upwards else []
                return [_OrderSegment(0, behind, "", never), *more]
            same = _OrderSegment(1, behind & Q(checked_at=row.checked_at), "", checked)
            beyond = _OrderSegment(1, self.past(checked_at=row.checked_at), "checked_at", checked)
            return [same, beyond, *([] if self.upwards else [_OrderSegment(0, Q(), "", never)])]
        return [_OrderSegment(0, behind)]

    @property
    def sign(self) -> str:
        return "gt" if self.upwards else "lt"

    def past(self, **value: object) -> Q:
        return Q(**{f"{name}__{self.sign}": it for name, it in value.items()})

    def first_of(self, stretches: Sequence[_IndexRange]) -> list[int]:
        """Ids of the first page and one more of all stretches together, in their order; one query."""
        sign = "" if self.upwards else "-"
        read = ("pk", "e164", "checked_at") if self.sort == "checked" else ("pk", "e164")
        selects: list[str] = []
        params: list[object] = []
        for place, stretch in enumerate(stretches):
            columns = [f"{sign}{column}" for column in (stretch.part.column, "e164") if column]
            page = stretch.numbers.order_by(*columns).values_list(*read)[: PAGE_SIZE + 1]
            try:
                sql, given = page.query.sql_with_params()
            except EmptyResultSet:  # the ORM knows without asking
                continue
            # The ORM takes longer to write a query than the database to answer it: once, for all facets.
            for facet in (None,) if stretch.facets is None else stretch.facets:
                selects.append(f"SELECT {place}, page{len(selects)}.* FROM ({sql}) AS page{len(selects)}")
                params += [facet if value == _FACET_PLACEHOLDER else value for value in given]
        if not selects:
            return []
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(selects), params)
            rows = cursor.fetchall()

        def key(row: tuple) -> tuple:
            place, _pk, e164, *checked_at = row
            rank = stretches[place].part.rank
            if self.sort == "label":  # in the database's order of letters, and so in order already
                return (rank,)
            return (rank, (checked_at[0] or "") if checked_at else "", e164)

        return [row[1] for row in sorted(rows, key=key, reverse=not self.upwards)][: PAGE_SIZE + 1]


@dataclass(frozen=True)
class _OrderSegment:
    """Numbers of one rank; within it they stand by the column, if there is one, and then by number."""

    rank: int
    condition: Q
    column: str = ""
    facets: tuple[int, ...] | None = None


# Stands in a query for each of its facets in turn.
_FACET_PLACEHOLDER = -1


@dataclass(frozen=True)
class _IndexRange:
    """Numbers that some index holds in the order of the part; if there are facets, those of each by itself."""

    part: _OrderSegment
    numbers: PhoneNumberQuerySet
    facets: tuple[int, ...] | None = None


def _fetch_page(
    scope: NumberScope,
    chosen: NumberFilter,
    found: _Selection,
    params: Mapping[str, str],
    now: datetime,
    order: _SortOrder,
) -> tuple[list[PhoneNumber], int, bool, bool]:
    """The rows, the first one's position, and whether there are rows before and after; three queries at most."""
    going_back = "before" in params
    place = re.fullmatch(r"(\d{1,9})~(\d{1,18})", params.get("before" if going_back else "after", ""))
    from_row = scope.numbers.filter(pk=place[2]).first() if place else None
    if going_back:
        order = replace(order, upwards=not order.upwards)
    stretches = _index_ranges(scope, chosen, found, now, order, from_row)
    ids = order.first_of(stretches)
    more = len(ids) > PAGE_SIZE
    by_id = PhoneNumber.objects.as_listed().in_bulk(ids[:PAGE_SIZE])
    rows = [by_id[pk] for pk in ids[:PAGE_SIZE] if pk in by_id]
    if from_row is None or place is None:
        return rows, 1 if rows else 0, False, more
    if going_back:
        rows.reverse()
        return rows, max(int(place[1]) - len(rows), 1), more, True
    return rows, int(place[1]) + 1, True, more


def _index_ranges(
    scope: NumberScope,
    chosen: NumberFilter,
    found: _Selection,
    now: datetime,
    order: _SortOrder,
    from_row: PhoneNumber | None,
) -> list[_IndexRange]:
    """Each part of the order, along the index that holds it in this order; or of what was gathered."""
    if found.ids is not None:
        gathered = PhoneNumber.objects.filter(pk__in=in_list(found.ids))
        stretches = []
        for part in order.parts(from_row, list(FACETS)):
            numbers = gathered if part.facets is None else gathered.filter(facet__in=part.facets)
            stretches.append(_IndexRange(part, numbers.filter(part.condition)))
        return stretches
    # What an index is not to be used for stands as a sum: a database that takes another one sorts all that it finds.
    numbers = chosen.apply_rest(scope.account_numbers, now).alias(
        no_index_facet=F("facet") + 0, no_index_campaign=F("campaign") + 0
    )
    parts = order.parts(from_row, found.facets)
    campaign = scope.inside.pk if scope.inside else chosen.campaign
    if scope.outside:
        numbers = numbers.outside_campaign(scope.outside)
    if campaign == NO_CAMPAIGN:
        numbers = numbers.outside_campaigns()
    elif campaign:
        by_index = order.sort not in _COLUMN_SORTS
        numbers = numbers.filter(**{"campaign" if by_index else "no_index_campaign": int(campaign)})
    if order.sort == "label":
        if not found.are_all_facets:
            numbers = numbers.filter(no_index_facet__in=found.facets)
        return [_IndexRange(part, numbers.filter(part.condition)) for part in parts]
    if order.sort == "number" and found.are_all_facets and not campaign:
        return [_IndexRange(part, numbers.filter(part.condition)) for part in parts]
    numbers = numbers.filter(facet=_FACET_PLACEHOLDER)
    return [
        _IndexRange(part, numbers.filter(part.condition), found.facets if part.facets is None else part.facets)
        for part in parts
    ]
