"""Explain a match for the page's *Try it*: which number a call would show, and the outcome of each candidate.

The result is that of `match(commit=False)`: nothing is counted or recorded, and the rotation does not move. Like every
match, it resets the daily limits if it is the first one of a new day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import models
from django.db.models import Count, Q

from enrollment.choices import US_STATES
from portal.phone.current_plan import get_numbering_plan
from portal.phone.numbers import country_name, format_national, parse_number
from reputation.labels import StatusLabel
from reputation.matching.match import match
from reputation.matching.queries import get_tier_candidates
from reputation.matching.results import LABELLED_REASONS, REASONS, MatchResult
from reputation.matching.tiers import LOCAL_BASES, Basis, Tier, get_tiers
from reputation.models import Campaign, PhoneNumber
from reputation.models.campaigns import get_default_caller_id
from reputation.monitoring.carriers import read_networks
from reputation.number_table.alerts import NumberRow, build_rows

# Candidates listed for each tier.
MAX_CANDIDATES = 10


class CandidateOutcome(models.TextChoices):
    """What happens to a candidate."""

    SKIPPED = "skipped", "Skipped"
    SHOWN = "shown", "Shown"
    WAITING = "waits", "Waits its turn"
    NOT_REACHED = "not_reached", "Not reached"


OUTCOME_LABELS = {
    CandidateOutcome.SKIPPED: StatusLabel("Skipped", "bad", "triangle-alert"),
    CandidateOutcome.SHOWN: StatusLabel("Shown", "good", "check"),
    CandidateOutcome.WAITING: StatusLabel("Waits its turn", "calm", "clock"),
    CandidateOutcome.NOT_REACHED: StatusLabel("Not reached", "calm", "circle-minus"),
}

# What to do if a call shows no caller ID, by reason code (see match.REASONS).
ADVICE = {
    "campaign_paused": "Resume the campaign to call for it again.",
    "matching_off": "Choose a default caller ID, or switch automatic matching on.",
    "called_abroad": "Choose a default caller ID: it is shown where no number is local.",
    "called_without_area": "Choose a default caller ID: it is shown where no number is local.",
    "no_local_number": "Add a number of that State, or choose a default caller ID.",
    "local_numbers_skipped": "Choose a default caller ID, or add numbers of that State.",
    "all_labelled": "Add numbers of that State, or choose under Settings what such calls show.",
    "daily_limits_reached": "Add numbers of that State, or raise the daily limit.",
}
# With these reason codes, matching does not look at the campaign's local numbers.
REASONS_WITHOUT_CANDIDATES = ("campaign_paused", "matching_off", "called_abroad", "called_without_area")


@dataclass(frozen=True)
class Candidate:
    """A number that the call might have shown, and its outcome."""

    row: NumberRow
    outcome: CandidateOutcome

    @property
    def label(self) -> StatusLabel:
        return OUTCOME_LABELS[self.outcome]


@dataclass(frozen=True)
class ExplainedTier:
    """Equally near numbers in rotation order. `remaining` is how many further numbers are not listed."""

    basis: Basis
    candidates: list[Candidate]
    remaining: int


@dataclass(frozen=True)
class MatchExplanation:
    """What a call would show, and the candidates by tier, nearest first.

    `place_name` is the called number's State or country, empty for a toll-free number. `shown_row` is the shown number.
    `carrier_note` says why the carrier of the call changes nothing, empty if it may.
    """

    result: MatchResult
    place_name: str
    shown_row: NumberRow | None
    tiers: list[ExplainedTier]
    carrier_note: str = ""

    @property
    def basis_label(self) -> str:
        return Basis(self.result.basis).label

    @property
    def reason(self) -> str:
        """Return why the call shows the default, a labelled number or none; empty for a local one without a label."""
        return (REASONS | LABELLED_REASONS)[self.result.reason_code]

    @property
    def place_suffix(self) -> str:
        """Return the place as it follows the called number: in brackets, or between commas if it has brackets."""
        if not self.place_name:
            return ""
        return f", {self.place_name}," if "(" in self.place_name else f" ({self.place_name})"

    @property
    def announcement(self) -> str:
        """Return what a screen reader announces when the result appears."""
        if not self.shown_row or not self.result.caller_id:
            return "The call shows no caller ID."
        return f"The call shows {format_national(self.result.caller_id)}: {self.basis_label.lower()}."

    @property
    def advice(self) -> str:
        return "" if self.shown_row else ADVICE[self.result.reason_code]

    @property
    def has_waiting(self) -> bool:
        outcomes = (candidate.outcome for tier in self.tiers for candidate in tier.candidates)
        return CandidateOutcome.WAITING in outcomes


def explain_match(campaign: Campaign, called_number: str, now: datetime, called_carrier: str = "") -> MatchExplanation:
    """Return what a call to `called_number` (as a person types it) would show; a fixed number of queries.

    The campaign should come with its `default_number`. Raises InvalidPhoneNumber if the number cannot be called.
    """
    result = match(
        account_id=campaign.account_id,
        campaign_id=campaign.pk,
        called_number=called_number,
        now=now,
        called_carrier=called_carrier,
        commit=False,
    )
    tiers: list[Tier] = []
    if result.reason_code not in REASONS_WITHOUT_CANDIDATES:
        tiers = list(_get_disjoint_tiers(get_tiers(parse_number(result.called_number, today=now.date()))))
    ids = {tier.basis: _get_candidate_ids(campaign, tier, result) for tier in tiers}
    default = get_default_caller_id(campaign) if result.reason_code != "campaign_paused" else None
    candidate_ids = {pk for tier_ids in ids.values() for pk in tier_ids} | ({default.pk} if default else set())
    rows = {row.number.pk: row for row in build_rows(PhoneNumber.objects.filter(pk__in=candidate_ids), now)}
    counts = _count_by_tier(campaign, tiers) if tiers else {}
    explained = [
        ExplainedTier(
            tier.basis,
            [Candidate(rows[pk], _get_outcome(rows[pk], tier.basis, result)) for pk in ids[tier.basis] if pk in rows],
            max(counts[tier.basis] - len(ids[tier.basis]), 0),
        )
        for tier in tiers
        if ids[tier.basis]
    ]
    if default and default.pk in rows:
        outcome = CandidateOutcome.SHOWN if result.basis == Basis.DEFAULT else CandidateOutcome.NOT_REACHED
        explained.append(ExplainedTier(Basis.DEFAULT, [Candidate(rows[default.pk], outcome)], 0))
    shown_row = rows.get(result.number_id) if result.number_id else None
    place_name = get_place_name(result.called_number, now.date())
    return MatchExplanation(result, place_name, shown_row, explained, _get_carrier_note(campaign, called_carrier))


def _get_carrier_note(campaign: Campaign, carrier: str) -> str:
    if not carrier:
        return ""
    if not campaign.shows_on_other_networks:
        return "The network changes nothing: the campaign does not show numbers that another network labels."
    if not read_networks().is_known(carrier):
        return f"The portal does not know which engine labels calls of {carrier}, so labelled numbers are skipped."
    return ""


def get_place_name(e164: str, today: date | None = None) -> str:
    """Return a number's State, territory or country (Washington, Puerto Rico, Canada); empty for a toll-free number."""
    number = parse_number(e164, today=today)
    state = get_numbering_plan().state_by_area_code.get(number.area_code)
    if state:
        return dict(US_STATES)[state]
    return "" if number.region == "US" else country_name(number.region)


def _get_disjoint_tiers(tiers: Sequence[Tier]) -> Iterator[Tier]:
    """Yield the tiers without the numbers of nearer ones, so that each candidate is in one tier only."""
    exchange, area, state = tiers
    [(first, last)] = exchange.ranges
    [(low, high)] = area.ranges
    other_exchanges = ((low, f"+{int(first) - 1}"), (f"+{int(last) + 1}", high))
    yield exchange
    yield Tier(area.basis, area.name, tuple((begin, end) for begin, end in other_exchanges if begin <= end))
    yield state


def _get_candidate_ids(campaign: Campaign, tier: Tier, result: MatchResult) -> list[int]:
    """Return ids of the tier's first numbers, always including the shown one."""
    ids = get_tier_candidates(campaign.pk, tier, limit=MAX_CANDIDATES)
    if result.number_id and result.basis == tier.basis and result.number_id not in ids:
        ids[MAX_CANDIDATES - 1 :] = [result.number_id]
    return ids


def _count_by_tier(campaign: Campaign, tiers: Sequence[Tier]) -> dict[str, int]:
    """Return how many numbers of the campaign each tier has, by basis; one query."""
    conditions = {
        tier.basis.value: Q(*(Q(e164__gte=low, e164__lte=high) for low, high in tier.ranges), _connector=Q.OR)
        for tier in tiers
        if tier.ranges
    }
    numbers = PhoneNumber.objects.in_campaign(campaign).present().filter(Q(*conditions.values(), _connector=Q.OR))
    counts = numbers.aggregate(**{basis: Count("pk", filter=condition) for basis, condition in conditions.items()})
    return {basis: counts.get(basis, 0) for basis in LOCAL_BASES}


def _get_outcome(row: NumberRow, basis: Basis, result: MatchResult) -> CandidateOutcome:
    if row.number.pk == result.number_id and basis == result.basis:
        return CandidateOutcome.SHOWN
    if row.number.is_skipped or row.number.exhausted_on:
        return CandidateOutcome.SKIPPED
    return CandidateOutcome.WAITING if basis == result.basis else CandidateOutcome.NOT_REACHED
