"""What pages say about calls: what tags cost a campaign, and how often a number was shown.

Days are those of the account's time zone; the last 30 days are today and the 29 before. The figures are the sums that
recording writes, so they count what dialers were told, not what they dialed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q, Sum

from reputation.matching.tiers import LOCAL_BASES, Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber

WINDOW_DAYS = 30
# The picture's height, in the units of its view box.
CHART_HEIGHT = 28


@dataclass(frozen=True)
class CallCounts:
    """A campaign's calls of some days: those that showed a local number, the default because local numbers were tagged,
    the default for another reason, and no caller ID."""

    local: int
    as_tagged: int
    otherwise: int
    without: int

    @property
    def total(self) -> int:
        return self.local + self.as_tagged + self.otherwise + self.without

    @property
    def by_default(self) -> int:
        return self.as_tagged + self.otherwise


@dataclass(frozen=True)
class CampaignStatistics:
    """A campaign's calls today and in the last 30 days."""

    today: CallCounts
    month: CallCounts

    @property
    def lines(self) -> list[tuple[str, int, str, int, str]]:
        """For each kind of call: what it is, how many and which share today, how many and which share in 30 days."""
        kinds = (
            ("Local", "local"),
            ("By default, as local numbers were tagged", "as_tagged"),
            ("By default, for other reasons", "otherwise"),
            ("Without a caller ID", "without"),
        )
        return [
            (
                words,
                getattr(self.today, kind),
                format_percentage(getattr(self.today, kind), self.today.total),
                getattr(self.month, kind),
                format_percentage(getattr(self.month, kind), self.month.total),
            )
            for words, kind in kinds
        ]


def format_percentage(part: int, whole: int) -> str:
    """97 %, or with a decimal below ten: 1.2 %. Nothing of nothing."""
    if not whole:
        return ""
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return f"{percent:.1f} %" if 0 < percent < 9.95 else f"{percent:.0f} %"


def get_campaign_statistics(campaign: Campaign, today: date) -> CampaignStatistics:
    """What the campaign's calls showed; one query. `today` is the account's own day."""
    recorded = CampaignCalls.objects.filter(
        campaign=campaign, day__gt=today - timedelta(days=WINDOW_DAYS), day__lte=today
    )
    summed = recorded.values_list("basis", "skipped_tagged").annotate(
        today=Sum("calls", filter=Q(day=today), default=0), month=Sum("calls", default=0)
    )
    of_today, of_month = {}, {}
    for basis, skipped_tagged, calls_today, calls in summed:
        kind = _get_call_kind(basis, skipped_tagged)
        of_today[kind] = of_today.get(kind, 0) + calls_today
        of_month[kind] = of_month.get(kind, 0) + calls
    kinds = ("local", "as_tagged", "otherwise", "without")
    return CampaignStatistics(*(CallCounts(**{kind: of.get(kind, 0) for kind in kinds}) for of in (of_today, of_month)))


def _get_call_kind(basis: str, skipped_tagged: bool) -> str:
    if basis in LOCAL_BASES:
        return "local"
    if basis == Basis.NONE:
        return "without"
    return "as_tagged" if skipped_tagged else "otherwise"


@dataclass(frozen=True)
class DayBar:
    """A day's bar: how high it is, of HEIGHT. A day with calls has one that can be seen."""

    day: date
    calls: int
    height: float

    @property
    def top(self) -> float:
        return CHART_HEIGHT - self.height


@dataclass(frozen=True)
class NumberStatistics:
    """How often calls were to show a number, with a bar for each of the last 30 days, the oldest first."""

    days: list[DayBar]

    @property
    def today(self) -> int:
        return self.days[-1].calls

    @property
    def week(self) -> int:
        return sum(one.calls for one in self.days[-7:])

    @property
    def month(self) -> int:
        return sum(one.calls for one in self.days)

    @property
    def most(self) -> DayBar:
        return max(self.days, key=lambda one: one.calls)


def get_number_statistics(number: PhoneNumber, today: date) -> NumberStatistics:
    """How often the number was shown in the last 30 days; one query. `today` is the account's own day."""
    days = [today - timedelta(days=before) for before in reversed(range(WINDOW_DAYS))]
    recorded = NumberCalls.objects.filter(number=number, day__gte=days[0], day__lte=today)
    calls = dict.fromkeys(days, 0) | dict(recorded.values_list("day", "calls"))
    most = max(calls.values())
    return NumberStatistics([DayBar(day, count, _get_bar_height(count, most)) for day, count in calls.items()])


def _get_bar_height(calls: int, most: int) -> float:
    return max(round(CHART_HEIGHT * calls / most, 1), 1.5) if calls else 0.5
