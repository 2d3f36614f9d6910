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

from enrollment.business import STATES
from portal.phone.area_codes import states
from portal.phone.numbers import country_name, parse
from reputation.labels import Said
from reputation.matching.match import REASONS, Decision, match
from reputation.matching.queries import candidates_of
from reputation.matching.tiers import NEARNESS, Basis, Tier, tiers_of
from reputation.models import Campaign, PhoneNumber
from reputation.models.campaigns import default_of
from reputation.number_table.alerts import NumberRow, rows_of

# So many candidates of a tier are shown.
SHOWN = 10


class Verdict(models.TextChoices):
    """What becomes of a candidate."""

    SKIPPED = "skipped", "Skipped"
    SHOWN = "shown", "Shown"
    WAITS = "waits", "Waits its turn"
    NOT_REACHED = "not_reached", "Not reached"


SAID = {
    Verdict.SKIPPED: Said("Skipped", "bad", "triangle-alert"),
    Verdict.SHOWN: Said("Shown", "good", "check"),
    Verdict.WAITS: Said("Waits its turn", "calm", "clock"),
    Verdict.NOT_REACHED: Said("Not reached", "calm", "circle-minus"),
}

# Where a call shows no caller ID: what to do about each of matching's REASONS.
WHAT_TO_DO = {
    "campaign_paused": "Resume the campaign to call for it again.",
    "matching_off": "Choose a default caller ID, or switch automatic matching on.",
    "called_abroad": "Choose a default caller ID: it is shown where no number is local.",
    "called_without_area": "Choose a default caller ID: it is shown where no number is local.",
    "no_local_number": "Add a number of that State, or choose a default caller ID.",
    "local_numbers_skipped": "Choose a default caller ID, or add numbers of that State.",
}
# What matching answers without having looked at the campaign's numbers.
BEFORE_THE_NUMBERS = ("campaign_paused", "matching_off", "called_abroad", "called_without_area")


@dataclass(frozen=True)
class Candidate:
    """A number that might have been shown, and what becomes of it."""

    row: NumberRow
    verdict: Verdict

    @property
    def said(self) -> Said:
        return SAID[self.verdict]


@dataclass(frozen=True)
class TriedTier:
    """Numbers that are equally near, in the order of their turns; `rest` are not listed."""

    basis: Basis
    candidates: list[Candidate]
    rest: int


@dataclass(frozen=True)
class Trial:
    """What a call would show, and the candidates, the nearest first. `place` is where the called number belongs: a
    State or a country, empty for toll-free numbers. `shown` is the number of the decision, if there is one."""

    decision: Decision
    place: str
    shown: NumberRow | None
    tiers: list[TriedTier]

    @property
    def matched_on(self) -> str:
        return Basis(self.decision.basis).label

    @property
    def reason(self) -> str:
        """Why it is the default, or none; empty where a local number is shown."""
        return REASONS[self.decision.because]

    @property
    def what_to_do(self) -> str:
        return "" if self.shown else WHAT_TO_DO[self.decision.because]

    @property
    def takes_turns(self) -> bool:
        return any(candidate.verdict == Verdict.WAITS for tier in self.tiers for candidate in tier.candidates)


def try_call(campaign: Campaign, called: str, now: datetime) -> Trial:
    """Decides for a call to `called` (as a person types it) without taking a turn; a fixed number of queries.

    Give it the campaign with its `default_number`. Raises NotANumber for what cannot be called.
    """
    decision = match(account_id=campaign.account_id, campaign_id=campaign.pk, called=called, now=now, takes_turn=False)
    looked_at = decision.because not in BEFORE_THE_NUMBERS
    tiers = list(_apart(tiers_of(parse(decision.called)))) if looked_at else []
    ids = {tier.basis: _ids_of(campaign, tier, decision) for tier in tiers}
    default = default_of(campaign) if decision.because != "campaign_paused" else None
    wanted = {pk for of_tier in ids.values() for pk in of_tier} | {default.pk for default in (default,) if default}
    rows = {row.number.pk: row for row in rows_of(PhoneNumber.objects.filter(pk__in=wanted), now)}
    counts = _counts(campaign, tiers) if tiers else {}
    tried = [
        TriedTier(
            tier.basis,
            [Candidate(rows[pk], _verdict(rows[pk], tier.basis, decision)) for pk in ids[tier.basis] if pk in rows],
            max(counts[tier.basis] - len(ids[tier.basis]), 0),
        )
        for tier in tiers
        if ids[tier.basis]
    ]
    if default and default.pk in rows:
        verdict = Verdict.SHOWN if decision.basis == Basis.DEFAULT else Verdict.NOT_REACHED
        tried.append(TriedTier(Basis.DEFAULT, [Candidate(rows[default.pk], verdict)], 0))
    return Trial(decision, place_of(decision.called), rows.get(decision.number_id), tried)


def place_of(e164: str) -> str:
    """Where a number belongs, in words: Washington, Puerto Rico, Canada; nothing for a toll-free number."""
    number = parse(e164)
    if number.area_code in states():
        return dict(STATES)[states()[number.area_code]]
    return "" if number.region == "US" else country_name(number.region)


def _apart(tiers: Sequence[Tier]) -> Iterator[Tier]:
    """The tiers without the numbers of nearer ones, so that each candidate stands in one of them."""
    exchange, area, state = tiers
    [(first, last)] = exchange.ranges
    [(low, high)] = area.ranges
    around = ((low, f"+{int(first) - 1}"), (f"+{int(last) + 1}", high))
    yield exchange
    yield Tier(area.basis, area.name, tuple((begin, end) for begin, end in around if begin <= end))
    yield state


def _ids_of(campaign: Campaign, tier: Tier, decision: Decision) -> list[int]:
    """The first of the tier's numbers, the shown one among them wherever it stands."""
    ids = candidates_of(campaign.pk, tier, most=SHOWN)
    if decision.basis == tier.basis and decision.number_id not in ids:
        ids[SHOWN - 1 :] = [decision.number_id]
    return ids


def _counts(campaign: Campaign, tiers: Sequence[Tier]) -> dict[str, int]:
    """How many numbers of the campaign each tier has; one query."""
    within = {
        tier.basis.value: Q(*(Q(e164__gte=low, e164__lte=high) for low, high in tier.ranges), _connector=Q.OR)
        for tier in tiers
        if tier.ranges
    }
    numbers = PhoneNumber.objects.in_campaign(campaign).present().filter(Q(*within.values(), _connector=Q.OR))
    counted = numbers.aggregate(**{basis: Count("pk", filter=is_in) for basis, is_in in within.items()})
    return {basis: counted.get(basis, 0) for basis in NEARNESS}


def _verdict(row: NumberRow, basis: Basis, decision: Decision) -> Verdict:
    if row.number.pk == decision.number_id and basis == decision.basis:
        return Verdict.SHOWN
    if row.number.is_tagged or row.number.exhausted_on:
        return Verdict.SKIPPED
    return Verdict.WAITS if basis == decision.basis else Verdict.NOT_REACHED
