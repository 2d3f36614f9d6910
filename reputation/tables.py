"""The table of numbers: one page of what a filter leaves, in an order, with everything its toolbar needs.

Pages go by key, not by offset: the middle of a million numbers costs what the first page costs. A place in the table
is `after=START~ID` or `before=START~ID`: the id of the row it continues from, and that row's position for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from portal.models import Account
from reputation.filters import NO_CAMPAIGN, NumberFilter
from reputation.models import Campaign, Engine, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.rows import NumberRow, rows_of
from reputation.wording import SPAM_STATUS, TALLIES, Said

PAGE_SIZE = 50
Status = PhoneNumber.SpamStatus
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# What asks for attention first.
URGENCY = (
    Status.FAILED,
    Status.TAGGED_AGAIN,
    Status.TAGGED,
    Status.IN_REMEDIATION,
    Status.UNKNOWN,
    Status.CLEAN,
    Status.NOT_MONITORED,
)

# What the table can be sorted by: the name in the address, the heading, and the key.
SORTS: dict[str, tuple[str, Any]] = {
    "number": ("Number", F("e164")),
    "label": ("Label", F("label")),
    "status": (
        "Spam status",
        Case(
            *(When(spam_status=status, then=Value(place)) for place, status in enumerate(URGENCY)),
            default=Value(len(URGENCY)),
        ),
    ),
    "capability": ("Capability", F("capability")),
    "checked": ("Last checked", Coalesce(F("checked_at"), Value(NEVER))),
}


@dataclass(frozen=True)
class Tally:
    value: str
    count: int
    said: Said


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
    tallies: list[Tally]
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
        return [(PhoneNumber.LABELLED, "Any spam label"), *((value, SPAM_STATUS[value].word) for value in TALLIES)]

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
        both = ((name, words) for name, (words, _key) in SORTS.items())
        return [
            ("" if value == "number" else value, f"By {words.lower()}{way}")
            for name, words in both
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


def read(
    params: Mapping[str, str],
    *,
    account: Account,
    numbers: PhoneNumberQuerySet,
    now: datetime,
    still_shown: Sequence[int] = (),
) -> NumberTable:
    """The page that the query string asks for, of `numbers` (the account's); a fixed number of queries.

    `still_shown` are ids that an open page shows: those that are no longer on this page come as `departed`.
    """
    chosen = NumberFilter.read(params)
    sort = params.get("sort", "number")
    descending, sort = sort.startswith("-"), sort.lstrip("-")
    if sort not in SORTS:
        sort, descending = "number", False
    matching = chosen.apply(numbers, now)
    total = matching.count()
    page, start, more_before, more_after = _page(numbers, matching, params, sort=sort, descending=descending)
    tallies, all_numbers = tallies_of(numbers, now)
    departed = set(still_shown) - {number.pk for number in page}
    gone = (
        list(PhoneNumber.objects.for_account(account).select_related("campaign").filter(pk__in=departed))
        if departed
        else []
    )
    rows = rows_of([*page, *gone], now)  # an empty IN asks the database nothing
    return NumberTable(
        rows=rows[: len(page)],
        departed=rows[len(page) :],
        filter=chosen,
        sort=sort,
        descending=descending,
        start=start,
        total=total,
        previous=f"{start}~{page[0].pk}" if page and more_before else "",
        next=f"{start + len(page) - 1}~{page[-1].pk}" if page and more_after else "",
        tallies=tallies,
        all_numbers=all_numbers,
        campaigns=list(Campaign.objects.for_account(account).order_by("name")),
        engines=list(Engine.objects.filter(in_use=True)),
        now=now,
    )


def tallies_of(numbers: PhoneNumberQuerySet, now: datetime) -> tuple[list[Tally], int]:
    """How many numbers there are of each spam status, and in all; one query."""
    stale = Count("pk", filter=Q(spam_status=PhoneNumber.SpamStatus.CLEAN, fresh_until__lte=now))
    counts: dict[str, int] = dict.fromkeys(TALLIES, 0)
    counted = numbers.order_by().values_list("spam_status").annotate(count=Count("pk"), stale=stale)
    for status, count, of_them_stale in counted:
        shown = "tagged" if status == PhoneNumber.SpamStatus.TAGGED_AGAIN else status
        counts[shown] += count - of_them_stale
        counts[PhoneNumber.STALE] += of_them_stale
    tallies = [Tally(value, count, SPAM_STATUS[value]) for value, count in counts.items()]
    return tallies, sum(counts.values())


def _page(
    numbers: QuerySet, matching: QuerySet, params: Mapping[str, str], *, sort: str, descending: bool
) -> tuple[list[PhoneNumber], int, bool, bool]:
    """The rows, the first one's position, and whether there are rows before and after."""
    key = SORTS[sort][1]
    rows = matching.annotate(key=key).select_related("campaign")
    going_back = "before" in params
    place = re.fullmatch(r"(\d{1,9})~(\d{1,18})", params.get("before" if going_back else "after", ""))
    from_row = numbers.filter(pk=place[2]).annotate(key=key).values("key", "pk").first() if place else None
    upwards = descending == going_back
    if from_row:
        sign = "gt" if upwards else "lt"
        beyond = Q(**{f"key__{sign}": from_row["key"]}) | Q(key=from_row["key"], **{f"pk__{sign}": from_row["pk"]})
        rows = rows.filter(beyond)
    rows = rows.order_by("key", "pk") if upwards else rows.order_by("-key", "-pk")
    found = list(rows[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    found = found[:PAGE_SIZE]
    if not from_row:
        return found, 1 if found else 0, False, more
    if going_back:
        found.reverse()
        start = max(int(place[1]) - len(found), 1)
        return found, start, more, True
    return found, int(place[1]) + 1, True, more
