"""Lists of registrations for pages: how many numbers are in which state at each engine, and pages of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from portal.db.in_list import in_list
from portal.models import Account
from portal.phone.numbers import US_REGIONS
from reputation.desks.registrations import filter_by_state
from reputation.models import DeskRegistration, Engine, NumberCount, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet

State = DeskRegistration.State
PAGE_SIZE = 50
# The filter value of numbers without a registration.
NOT_REGISTERED = "none"
STATE_CHOICES = ((NOT_REGISTERED, "Not registered"), *State.choices)


@dataclass(frozen=True)
class EngineSummary:
    """How many numbers have which state at an engine, in the order of STATE_CHOICES, without states of none."""

    engine: Engine
    counts: list[tuple[str, str, int]]

    @property
    def total(self) -> int:
        return sum(count for _state, _words, count in self.counts)

    def get_count(self, state: str) -> int:
        return next((count for value, _words, count in self.counts if value == state), 0)


@dataclass(frozen=True)
class RegistrationFilter:
    """Numbers by engine and state of their registration there, and by a part of the number or label."""

    engine: Engine | None = None
    state: str = ""
    search: str = ""

    def apply(self, account: Account) -> PhoneNumberQuerySet:
        numbers = PhoneNumber.objects.for_account(account).filter(region__in=US_REGIONS).search(self.search)
        if self.engine and self.state:
            return filter_by_state(numbers, self.engine, "" if self.state == NOT_REGISTERED else self.state)
        return numbers

    def count(self, account: Account, summary: Sequence[EngineSummary]) -> int:
        """How many numbers it finds. The summary knows, so that only a search has to count; one query then."""
        if self.search or not summary:
            return self.apply(account).count()
        line = next((line for line in summary if line.engine == self.engine), None)
        return line.get_count(self.state) if line and self.state else summary[0].total


@dataclass(frozen=True)
class RegistrationRow:
    """A number, and its registration at each engine or None, in the order of the engines."""

    number: PhoneNumber
    registrations: list[tuple[Engine, DeskRegistration | None]]

    @property
    def is_unnamed(self) -> bool:
        """Whether it was said not to answer with the business's name."""
        return any(row and row.answers_with_name is False for _engine, row in self.registrations)


def get_summary(account: Account, engines: Sequence[Engine]) -> list[EngineSummary]:
    """Four queries. Numbers that were removed, and those abroad, are not counted.

    An index counts all registrations; those of removed numbers and of numbers abroad are few, and subtracted.
    """
    numbers = PhoneNumber.objects.for_account(account)
    abroad = numbers.exclude(region__in=US_REGIONS)
    abroad_count = abroad.count()
    total = NumberCount.objects.for_account(account).total() - abroad_count
    rows = DeskRegistration.objects.for_account(account).filter(engine__in=engines).order_by()
    # Removed numbers have no facet. An index finds them by that.
    removed = PhoneNumber.objects.filter(account=account, facet__isnull=True)
    uncounted = Q(number__in=removed.values("pk"))
    if abroad_count:
        uncounted |= Q(number__in=abroad.values("pk"))
    counted = Counter(_count_by_state(rows))
    counted.subtract(_count_by_state(rows.filter(uncounted)))
    return [EngineSummary(engine, _count_states(engine, counted, total)) for engine in engines]


def _count_by_state(rows: QuerySet[DeskRegistration]) -> dict[tuple[int, str], int]:
    grouped = rows.values_list("engine", "state").annotate(count=Count("pk"))
    return {(engine, state): count for engine, state, count in grouped}


def _count_states(engine: Engine, counted: Mapping[tuple[int, str], int], total: int) -> list[tuple[str, str, int]]:
    registered = sum(count for (pk, _state), count in counted.items() if pk == engine.pk)
    counts = [(NOT_REGISTERED, "Not registered", total - registered)]
    counts += [(state.value, str(state.label), counted.get((engine.pk, state.value), 0)) for state in State]
    return [one for one in counts if one[2]]


def get_rows(
    account: Account, engines: Sequence[Engine], numbers: PhoneNumberQuerySet, *, after: str = ""
) -> tuple[list[RegistrationRow], str]:
    """A page of numbers in their order, behind the number `after`, and the number to continue from; two queries."""
    page = numbers.filter(e164__gt=after) if after else numbers
    found = list(page.order_by("e164").only("e164", "label", "account")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    rows = DeskRegistration.objects.for_account(account).filter(number__in=in_list(number.pk for number in shown))
    by_key = {(row.number_id, row.engine_id): row for row in rows}
    table = [
        RegistrationRow(number, [(engine, by_key.get((number.pk, engine.pk))) for engine in engines])
        for number in shown
    ]
    return table, shown[-1].e164 if len(found) > PAGE_SIZE else ""
