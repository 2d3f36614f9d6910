"""Which telephone each number of a round is called on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.db.in_list import in_list
from portal.models import Account, today_of
from reputation.models import Telephone, TestCall


@dataclass(frozen=True)
class Choice:
    """A number to call and why, and the network to call it on; empty: any.

    `is_random` says whether it was drawn at random from all numbers that may be called, whatever its reason is.
    """

    number_id: int
    reason: TestCall.Reason
    network: str = ""
    is_random: bool = False


@dataclass(frozen=True)
class FreeTelephones:
    """The telephones of a round, and on which of them each number was called today."""

    telephones: Sequence[Telephone]
    called_today: frozenset[tuple[int, int]]
    now: datetime

    def get_fitting(self, choice: Choice) -> list[Telephone]:
        """Those of its network that were not called from the number today. Only proven ones are to prove something."""
        return [
            telephone
            for telephone in self.telephones
            if choice.network in ("", telephone.network)
            and (choice.number_id, telephone.pk) not in self.called_today
            and (choice.reason != TestCall.Reason.PROOF or telephone.proves_absence(self.now))
        ]

    def count_called_numbers(self) -> int:
        return len({number_id for number_id, _ in self.called_today})


def get_free_telephones(account: Account, telephones: Sequence[Telephone], now: datetime) -> FreeTelephones:
    """One query."""
    calls = TestCall.objects.for_account(account).exclude(state=TestCall.State.DROPPED)
    of_today = calls.filter(day=today_of(account, now), telephone__in=in_list(one.pk for one in telephones))
    return FreeTelephones(telephones, frozenset(of_today.values_list("number", "telephone")), now)


def assign_telephones(
    account: Account, choices: Sequence[Choice], telephones: Sequence[Telephone], now: datetime
) -> list[tuple[Choice, Telephone]]:
    """The telephone for each number: a fitting one, whose network is longest without a call from it.

    Of equal ones the proven telephone with the fewest calls in the round. Two queries.
    """
    free = get_free_telephones(account, telephones, now)
    calls = TestCall.objects.for_account(account).filter(number__in=in_list(c.number_id for c in choices))
    last_day: dict[tuple[int, str], int] = {}
    for number, network, day in calls.exclude(state=TestCall.State.DROPPED).values_list("number", "network", "day"):
        last_day[number, network] = max(day.toordinal(), last_day.get((number, network), 0))
    load: dict[int, int] = defaultdict(int)
    planned = []
    for choice in choices:

        def rank(telephone: Telephone, number: int = choice.number_id) -> tuple[int, bool, int, int]:
            last = last_day.get((number, telephone.network), 0)
            return last, not telephone.proves_absence(now), load[telephone.pk], telephone.pk

        if fitting := free.get_fitting(choice):
            chosen = min(fitting, key=rank)
            load[chosen.pk] += 1
            planned.append((choice, chosen))
    return planned
