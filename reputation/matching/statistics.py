"""Call statistics for pages: what spam tags cost a campaign, and how often calls showed a number.

Days are those of the account's time zone. A window of 30 days is today and the 29 days before. The counts are those of
the recorder: they say what dialers were told to show, not what they dialed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q, Sum
from django.utils.formats import date_format

from portal.phone.numbers import format_national
from portal.text import join_names, pluralize
from reputation.matching.recorder import LABELLED_BASIS
from reputation.matching.tiers import LOCAL_BASES, Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber

WINDOW_DAYS = 30
# In the units of the chart's viewBox.
CHART_HEIGHT = 28

# Fields of CallCounts and their names on the page.
CALL_KINDS = {
    "local": "Local",
    "labelled": "Local, with a label",
    "default_for_tags": "By default, as local numbers were tagged",
    "default_other": "By default, for other reasons",
    "no_caller_id": "Without a caller ID",
}


@dataclass(frozen=True)
class CallCounts:
    """A campaign's calls by what they showed.

    `local` counts calls that showed a local number without a label, `labelled` those that showed one with a label.
    `default_for_tags` counts calls that showed the default caller ID because local numbers were tagged,
    `default_other` those that showed it for another reason.
    """

    local: int
    labelled: int
    default_for_tags: int
    default_other: int
    no_caller_id: int

    @property
    def total(self) -> int:
        return self.local + self.labelled + self.default_total + self.no_caller_id

    @property
    def default_total(self) -> int:
        return self.default_for_tags + self.default_other


@dataclass(frozen=True)
class DefaultCalls:
    """How many calls showed this number as the default caller ID. `e164` is empty if the number was not recorded."""

    e164: str
    today: int
    month: int

    @property
    def name(self) -> str:
        return format_national(self.e164) if self.e164 else "an unrecorded number"


@dataclass(frozen=True)
class CampaignStatistics:
    """A campaign's calls today and in the last 30 days.

    `defaults` are the numbers that calls showed as the default caller ID, the most often shown first. The campaign's
    default may have been changed meanwhile.
    """

    today: CallCounts
    month: CallCounts
    defaults: list[DefaultCalls]

    @property
    def default_sentence(self) -> str:
        """Return how many calls showed which number as the default today; empty if none did."""
        shown = [
            f"{pluralize(default.today, 'call')} showed {default.name}" for default in self.defaults if default.today
        ]
        return f"{join_names(shown)} as the default caller ID today." if shown else ""

    @property
    def rows(self) -> list[tuple[str, int, str, int, str]]:
        """Return name, count and percentage today, and count and percentage in 30 days, for each kind of call."""
        return [
            (
                name,
                getattr(self.today, kind),
                format_percentage(getattr(self.today, kind), self.today.total),
                getattr(self.month, kind),
                format_percentage(getattr(self.month, kind), self.month.total),
            )
            for kind, name in CALL_KINDS.items()
        ]


def format_percentage(part: int, whole: int) -> str:
    """Format as 97 %, or with one decimal below ten: 1.2 %. Returns an empty string if the whole is 0."""
    if not whole:
        return ""
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return f"{percent:.1f} %" if 0 < percent < 9.95 else f"{percent:.0f} %"


def get_campaign_statistics(campaign: Campaign, today: date) -> CampaignStatistics:
    """Return the campaign's calls; one query. `today` is the account's local date."""
    recorded = CampaignCalls.objects.filter(
        campaign=campaign, day__gt=today - timedelta(days=WINDOW_DAYS), day__lte=today
    )
    totals = recorded.values_list("basis", "skipped_tagged", "default_e164").annotate(
        today=Sum("calls", filter=Q(day=today), default=0), month=Sum("calls", default=0)
    )
    today_counts, month_counts = Counter[str](), Counter[str]()
    defaults: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for basis, skipped_tagged, default_e164, calls_today, calls_month in totals:
        kind = _get_call_kind(basis, skipped_tagged)
        today_counts[kind] += calls_today
        month_counts[kind] += calls_month
        if basis == Basis.DEFAULT:
            defaults[default_e164][0] += calls_today
            defaults[default_e164][1] += calls_month
    return CampaignStatistics(
        today=CallCounts(**{kind: today_counts[kind] for kind in CALL_KINDS}),
        month=CallCounts(**{kind: month_counts[kind] for kind in CALL_KINDS}),
        defaults=sorted((DefaultCalls(e164, *calls) for e164, calls in defaults.items()), key=_by_calls),
    )


def _by_calls(default: DefaultCalls) -> tuple[int, str]:
    return (-default.month, default.e164)


def _get_call_kind(basis: str, skipped_tagged: bool) -> str:
    if basis in LOCAL_BASES:
        return "local"
    if basis == LABELLED_BASIS:
        return "labelled"
    if basis == Basis.NONE:
        return "no_caller_id"
    return "default_for_tags" if skipped_tagged else "default_other"


@dataclass(frozen=True)
class DayBar:
    """A day's bar in the chart of a number; `height` and `top` are in units of its viewBox."""

    day: date
    calls: int
    height: float

    @property
    def top(self) -> float:
        return CHART_HEIGHT - self.height


@dataclass(frozen=True)
class NumberStatistics:
    """How often calls were to show a number, with a bar for each of the last 30 days, oldest first."""

    days: list[DayBar]

    @property
    def today(self) -> int:
        return self.days[-1].calls

    @property
    def week(self) -> int:
        return sum(bar.calls for bar in self.days[-7:])

    @property
    def month(self) -> int:
        return sum(bar.calls for bar in self.days)

    @property
    def busiest_day(self) -> DayBar:
        return max(self.days, key=lambda bar: bar.calls)

    @property
    def summary(self) -> str:
        """Return the chart as a sentence, for screen readers."""
        first, busiest = date_format(self.days[0].day, "j M"), date_format(self.busiest_day.day, "j M")
        return (
            f"Calls on each of the last {len(self.days)} days, from {first} to today: {intcomma(self.month)} in all, "
            f"the most on {busiest} with {intcomma(self.busiest_day.calls)}."
        )


def get_number_statistics(number: PhoneNumber, today: date) -> NumberStatistics:
    """Return how often the number was shown in the last 30 days; one query. `today` is the account's local date."""
    days = [today - timedelta(days=age) for age in reversed(range(WINDOW_DAYS))]
    recorded = NumberCalls.objects.filter(number=number, day__gte=days[0], day__lte=today)
    calls_by_day = dict.fromkeys(days, 0) | dict(recorded.values_list("day", "calls"))
    max_calls = max(calls_by_day.values())
    return NumberStatistics(
        [DayBar(day, calls, _get_bar_height(calls, max_calls)) for day, calls in calls_by_day.items()]
    )


def _get_bar_height(calls: int, max_calls: int) -> float:
    """Return a height that stays visible: a day with few calls is higher than one without any."""
    return max(round(CHART_HEIGHT * calls / max_calls, 1), 1.5) if calls else 0.5
