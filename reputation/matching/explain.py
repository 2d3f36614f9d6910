"""*Try it*: which number a call would show right now, and what becomes of each number that might have been shown.

The answer is matching's own, asked without taking a turn: nothing is counted or recorded, and no turn is over. Like
every question it notices that a new day began, on which no number has reached its daily limit yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Count, Q

from enrollment.business import US_STATES
from portal.phone.area_codes import get_states_by_area_code
from portal.phone.numbers import country_name, parse_number
from reputation.labels import StatusLabel
from reputation.matching.match import REASONS, MatchResult, match
from reputation.matching.queries import get_tier_candidates
from reputation.matching.tiers import LOCAL_BASES, Basis, Tier, get_tiers
from reputation.models import Campaign, PhoneNumber
from reputation.models.campaigns import get_default_caller_id
from reputation.number_table.alerts import NumberRow, build_rows

# So many candidates of a tier are shown.
MAX_CANDIDATES = 10


class CandidateOutcome(models.TextChoices):
    """What becomes of a candidate."""

    SKIPPED = "skipped", "Skipped"
    SHOWN = "shown", "Shown"
    WAITS = "waits", "Waits its turn"
    NOT_REACHED = "not_reached", "Not reached"


OUTCOME_LABELS = {
    CandidateOutcome.SKIPPED: StatusLabel("Skipped", "bad", "triangle-alert"),
    CandidateOutcome.SHOWN: StatusLabel("Shown", "good", "check"),
    CandidateOutcome.WAITS: StatusLabel("Waits its turn", "calm", "clock"),
    CandidateOutcome.NOT_REACHED: StatusLabel("Not reached", "calm", "circle-minus"),
}

# Where a call shows no caller ID: what to do about each of matching's REASONS.
ADVICE = {
    "campaign_paused": "Resume the campaign to call for it again.",
    "matching_off": "Choose a default caller ID, or switch automatic matching on.",
    "called_abroad": "Choose a default caller ID: it is shown where no number is local.",
    "called_without_area": "Choose a default caller ID: it is shown where no number is local.",
    "no_local_number": "Add a number of that State, or choose a default caller ID.",
    "local_numbers_skipped": "Choose a default caller ID, or add numbers of that State.",
}
# What matching answers without having looked at the campaign's numbers.
REASONS_WITHOUT_CANDIDATES = ("campaign_paused", "matching_off", "called_abroad", "called_without_area")


@dataclass(frozen=True)
class Candidate:
    """A number that might have been shown, and what becomes of it."""

    row: NumberRow
    verdict: CandidateOutcome

    @property
    def said(self) -> StatusLabel:
        return OUTCOME_LABELS[self.verdict]


@dataclass(frozen=True)
class ExplainedTier:
    """Numbers that are equally near, in the order of their turns; `rest` are not listed."""

    basis: Basis
    candidates: list[Candidate]
    rest: int


@dataclass(frozen=True)
class MatchExplanation:
    """What a call would show, and the candidates, the nearest first. `place` is where the called number belongs: a
    State or a country, empty for toll-free numbers. `shown` is the number of the decision, if there is one."""

    decision: MatchResult
    place: str
    shown: NumberRow | None
    tiers: list[ExplainedTier]

    @property
    def matched_on(self) -> str:
        return Basis(self.decision.basis).label

    @property
    def reason(self) -> str:
        """Why it is the default, or none; empty where a local number is shown."""
        return REASONS[self.decision.because]

    @property
    def what_to_do(self) -> str:
        return "" if self.shown else ADVICE[self.decision.because]

    @property
    def takes_turns(self) -> bool:
        return any(candidate.verdict == CandidateOutcome.WAITS for tier in self.tiers for candidate in tier.candidates)


def explain_match(campaign: Campaign, called: str, now: datetime) -> MatchExplanation:
    """Decides for a call to `called` (as a person types it) without taking a turn; a fixed number of queries.

    Give it the campaign with its `default_number`. Raises NotANumber for what cannot be called.
    """
    decision = match(account_id=campaign.account_id, campaign_id=campaign.pk, called=called, now=now, takes_turn=False)
    looked_at = decision.because not in REASONS_WITHOUT_CANDIDATES
    tiers = list(_get_disjoint_tiers(get_tiers(parse_number(decision.called)))) if looked_at else []
    ids = {tier.basis: _get_candidate_ids(campaign, tier, decision) for tier in tiers}
    default = get_default_caller_id(campaign) if decision.because != "campaign_paused" else None
    wanted = {pk for of_tier in ids.values() for pk in of_tier} | {default.pk for default in (default,) if default}
    rows = {row.number.pk: row for row in build_rows(PhoneNumber.objects.filter(pk__in=wanted), now)}
    counts = _count_by_tier(campaign, tiers) if tiers else {}
    tried = [
        ExplainedTier(
            tier.basis,
            [Candidate(rows[pk], _get_outcome(rows[pk], tier.basis, decision)) for pk in ids[tier.basis] if pk in rows],
            max(counts[tier.basis] - len(ids[tier.basis]), 0),
        )
        for tier in tiers
        if ids[tier.basis]
    ]
    if default and default.pk in rows:
        verdict = CandidateOutcome.SHOWN if decision.basis == Basis.DEFAULT else CandidateOutcome.NOT_REACHED
        tried.append(ExplainedTier(Basis.DEFAULT, [Candidate(rows[default.pk], verdict)], 0))
    return MatchExplanation(decision, get_place_name(decision.called), rows.get(decision.number_id), tried)


def get_place_name(e164: str) -> str:
    """Where a number belongs, in words: Washington, Puerto Rico, Canada; nothing for a toll-free number."""
    number = parse_number(e164)
    if number.area_code in get_states_by_area_code():
        return dict(US_STATES)[get_states_by_area_code()[number.area_code]]
    return "" if number.region == "US" else country_name(number.region)


def _get_disjoint_tiers(tiers: Sequence[Tier]) -> Iterator[Tier]:
    """The tiers without the numbers of nearer ones, so that each candidate stands in one of them."""
    exchange, area, state = tiers
    [(first, last)] = exchange.ranges
    [(low, high)] = area.ranges
    around = ((low, f"+{int(first) - 1}"), (f"+{int(last) + 1}", high))
    yield exchange
    yield Tier(area.basis, area.name, tuple((begin, end) for begin, end in around if begin <= end))
    yield state


def _get_candidate_ids(campaign: Campaign, tier: Tier, decision: MatchResult) -> list[int]:
    """The first of the tier's numbers, the shown one among them wherever it stands."""
    ids = get_tier_candidates(campaign.pk, tier, most=MAX_CANDIDATES)
    if decision.basis == tier.basis and decision.number_id not in ids:
        ids[MAX_CANDIDATES - 1 :] = [decision.number_id]
    return ids


def _count_by_tier(campaign: Campaign, tiers: Sequence[Tier]) -> dict[str, int]:
    """How many numbers of the campaign each tier has; one query."""
    within = {
        tier.basis.value: Q(*(Q(e164__gte=low, e164__lte=high) for low, high in tier.ranges), _connector=Q.OR)
        for tier in tiers
        if tier.ranges
    }
    numbers = PhoneNumber.objects.in_campaign(campaign).present().filter(Q(*within.values(), _connector=Q.OR))
    counted = numbers.aggregate(**{basis: Count("pk", filter=is_in) for basis, is_in in within.items()})
    return {basis: counted.get(basis, 0) for basis in LOCAL_BASES}


def _get_outcome(row: NumberRow, basis: Basis, decision: MatchResult) -> CandidateOutcome:
    if row.number.pk == decision.number_id and basis == decision.basis:
        return CandidateOutcome.SHOWN
    if row.number.is_tagged or row.number.exhausted_on:
        return CandidateOutcome.SKIPPED
    return CandidateOutcome.WAITS if basis == decision.basis else CandidateOutcome.NOT_REACHED
