"""Which number a call shows: automatic caller-ID matching, the product's hot path.

A number as near as possible to the called person: the same area code and exchange, else the same area code, else
another area code of the same State, else the campaign's default caller ID. Tagged numbers are skipped, and so are
those that reached the campaign's daily limit; the default is not skipped for either, since it is what is shown when
nothing else is left, and the answer says so (the specification's last paragraphs).

How it stays true and quick:

- Nothing about a number is remembered between calls. Each answer reads what is committed when it is read, from
  indexes that hold only numbers that may be shown, so that a number is never answered once its tag is committed, in
  no process. A probe of such an index costs the same for ten numbers and for a hundred thousand.
- Equals take turns in the order of their digits, each process for itself from a place of its own: whatever the number
  of processes, no number is ahead of its equals by more than one call for each of them. No write is needed for it.
- Only a daily limit needs a count that all processes share at once: then, and only then, an answer writes a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, ParsedNumber, parse_number
from reputation.matching import daily_limit
from reputation.matching.queries import (
    _CampaignRow,
    _count_skipped,
    _fetch_campaign_and_number,
    _fetch_next_number,
    _FoundNumber,
)
from reputation.matching.recorder import record_match
from reputation.matching.rotation import end_turn
from reputation.matching.tiers import Basis, Tier, get_tiers
from reputation.models import PhoneNumber

# Why a call shows the default caller ID, or none: a code and a sentence for people.
REASONS: dict[str, str] = {
    "": "",
    "campaign_paused": "The campaign is paused: the dialer is to make no calls for it.",
    "matching_off": "Automatic matching is off, so every call shows the default caller ID.",
    "called_abroad": "The called number is not in the United States, so no number is local to it.",
    "called_without_area": "The called number belongs to no area, as toll-free numbers do.",
    "no_local_number": "The campaign has no number in the called person's State.",
    "local_numbers_skipped": "Every number in the called person's State is skipped: tagged, or at its daily limit.",
}


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The number that a call shows (`caller_id` in E.164, None where there is none to show), and why.

    `because` is a key of REASONS, empty where a local number was found. `skipped_...` count the numbers as near as the
    shown one, or nearer, that were passed over, up to COUNTED_TO. `is_tagged`, `is_exhausted` and `is_outside` can be
    true of a default only: it is shown although it carries a label, is past the daily limit, or is in no or in another
    campaign.
    """

    called: str
    caller_id: str | None
    number_id: int | None
    basis: str
    because: str = ""
    skipped_tagged: int = 0
    skipped_exhausted: int = 0
    is_tagged: bool = False
    is_exhausted: bool = False
    is_outside: bool = False


def match(*, account_id: int, campaign_id: int, called: str, now: datetime, takes_turn: bool = True) -> MatchResult:
    """The number to show for a call to `called` (as people write it in the United States, or with + and country code).

    With `takes_turn` the number's turn is over, its call is counted against a daily limit, and the decision is
    recorded; without, nothing changes. Raises CampaignNotFound, and NotANumber for what cannot be called.
    """
    try:
        number = parse_number(called, letters=True)
    except InvalidPhoneNumber:
        _fetch_campaign_and_number(
            account_id, campaign_id, ()
        )  # whose campaign it is comes before what is wrong with the number
        raise
    tiers = get_tiers(number) if number.region in US_REGIONS and number.area_code else ()
    campaign, found = _fetch_campaign_and_number(account_id, campaign_id, tiers[:2])
    day = now.astimezone(_get_zone(campaign.time_zone)).date()
    if campaign.daily_limit and campaign.limits_began_on != day:
        daily_limit.reset_for_day(campaign.id, day)
        campaign, found = _fetch_campaign_and_number(account_id, campaign_id, tiers[:2])
    decision = _select_number(campaign, number, tiers, found, day, takes_turn)
    if takes_turn:
        record_match(
            account_id=account_id,
            campaign_id=campaign_id,
            day=day,
            basis=decision.basis,
            skipped_tagged=decision.skipped_tagged > 0,
            number_id=decision.number_id,
            is_counted=bool(campaign.daily_limit),
        )
    return decision


def _select_number(
    campaign: _CampaignRow,
    number: ParsedNumber,
    tiers: Sequence[Tier],
    found: _FoundNumber | None,
    day: date,
    takes_turn: bool,
) -> MatchResult:
    """`found` is of the first two of the tiers, with which nearly every call ends."""
    if campaign.is_paused:
        return MatchResult(number.e164, None, None, Basis.NONE, "campaign_paused")
    if not campaign.automatic_matching:
        return _default_result(campaign, number, "matching_off", day, takes_turn)
    if number.region not in US_REGIONS:
        return _default_result(campaign, number, "called_abroad", day, takes_turn)
    if not tiers:
        return _default_result(campaign, number, "called_without_area", day, takes_turn)
    for asked in (tiers[:2], tiers[2:]):
        found = found or _fetch_next_number(campaign.id, asked)
        while found:
            tier, number_id, e164, *skipped = found
            if not takes_turn or _reserve_number(tier, campaign, number_id, e164, day):
                tagged, exhausted = skipped or _count_skipped(campaign.id, tier)
                return MatchResult(number.e164, e164, number_id, tier.basis, "", tagged, exhausted)
            found = _fetch_next_number(campaign.id, asked)
    tagged, exhausted = _count_skipped(campaign.id, *tiers[1:])
    because = "local_numbers_skipped" if tagged or exhausted else "no_local_number"
    return _default_result(campaign, number, because, day, takes_turn, tagged, exhausted)


def _default_result(
    campaign: _CampaignRow,
    number: ParsedNumber,
    because: str,
    day: date,
    takes_turn: bool,
    tagged: int = 0,
    exhausted: int = 0,
) -> MatchResult:
    if campaign.default_id is None or campaign.default_removed_at is not None:
        return MatchResult(number.e164, None, None, Basis.NONE, because, tagged, exhausted)
    calls = 0
    if campaign.daily_limit and takes_turn:
        by = {"account_id": campaign.account_id, "day": day, "limit": campaign.daily_limit}
        calls = daily_limit.count_call(campaign.default_id, **by)
    return MatchResult(
        number.e164,
        campaign.default_e164,
        campaign.default_id,
        Basis.DEFAULT,
        because,
        tagged,
        exhausted,
        is_tagged=campaign.default_status in PhoneNumber.TAGGED,
        is_exhausted=bool(campaign.daily_limit)
        and (campaign.default_exhausted_on == day or calls > campaign.daily_limit),
        is_outside=campaign.default_campaign_id != campaign.id,
    )


def _reserve_number(tier: Tier, campaign: _CampaignRow, number_id: int, e164: str, day: date) -> bool:
    """False when the number reached its daily limit meanwhile: then another is to be asked for."""
    end_turn(campaign.id, tier, e164)
    limit = campaign.daily_limit
    if not limit:
        return True
    return daily_limit.count_call(number_id, account_id=campaign.account_id, day=day, limit=limit, at_most=True) > 0


_zones: dict[str, ZoneInfo] = {}


def _get_zone(name: str) -> ZoneInfo:
    return _zones.get(name) or _zones.setdefault(name, ZoneInfo(name))
