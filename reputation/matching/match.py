"""Choose the caller ID that a call shows: automatic caller-ID matching, the product's hot path.

`match` returns the number nearest to the called person: first the same area code and exchange, then the same area code,
then another area code of the same State, and last the campaign's default caller ID. Numbers that are tagged or were
labelled when last seen, and numbers at the campaign's daily limit, are skipped. The default is not skipped, because it
is what a call shows when no other number is left; the result then has `is_tagged`, `was_labelled` or `is_exhausted`
set. The rules are the last paragraphs of the specification.

Correctness and cost:

- Nothing about a number is cached. Each call reads committed data through partial indexes that hold only the numbers
  that may be shown, so no process returns a number after its tag is committed. A probe of such an index costs the same
  for ten numbers and for 100,000.
- Equally near numbers rotate in the order of their digits. Each process keeps its own position in memory, which needs
  no write. With N processes, no number is ahead of its equals by more than N calls.
- Only a daily limit needs a count that all processes share. Only then does a call write a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, ParsedNumber, parse_number
from reputation.matching import daily_limit
from reputation.matching.queries import (
    NONE_SKIPPED,
    FoundNumber,
    MatchCampaign,
    SkippedCounts,
    count_skipped,
    fetch_campaign_and_number,
    fetch_next_number,
)
from reputation.matching.recorder import record_match
from reputation.matching.rotation import set_last_shown
from reputation.matching.tiers import Basis, Tier, get_tiers
from reputation.models import PhoneNumber

# Why a call shows the default caller ID or none: code and explanation.
REASONS: dict[str, str] = {
    "": "",
    "campaign_paused": "The campaign is paused: the dialer is to make no calls for it.",
    "matching_off": "Automatic matching is off, so every call shows the default caller ID.",
    "called_abroad": "The called number is not in the United States, so no number is local to it.",
    "called_without_area": "The called number belongs to no area, as toll-free numbers do.",
    "no_local_number": "The campaign has no number in the called person's State.",
    "local_numbers_skipped": "Every number in the called person's State is skipped: tagged, labelled when last seen, "
    "or at its daily limit.",
}

_get_time_zone = cache(ZoneInfo)


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The number that a call shows, and why.

    `caller_id` is in E.164, or None if there is no number to show. `reason_code` is a key of REASONS, empty if a local
    number was found. `skipped_...` count the skipped numbers that are at least as near as the shown one. `is_tagged`,
    `was_labelled` (when last seen), `is_exhausted` (at the daily limit) and `is_outside_campaign` can be true of a
    default caller ID only.
    """

    called_number: str
    caller_id: str | None
    number_id: int | None
    basis: str
    reason_code: str = ""
    skipped_tagged: int = 0
    skipped_last_seen: int = 0
    skipped_exhausted: int = 0
    is_tagged: bool = False
    was_labelled: bool = False
    is_exhausted: bool = False
    is_outside_campaign: bool = False


def match(*, account_id: int, campaign_id: int, called_number: str, now: datetime, commit: bool = True) -> MatchResult:
    """Return the number to show for a call to `called_number`, as written in the United States or with + and country.

    With `commit`, the rotation moves on, the call counts against a daily limit, and the result is recorded. Without it,
    nothing changes. Raises CampaignNotFound, and InvalidPhoneNumber if the called number cannot be called.
    """
    try:
        number = parse_number(called_number, allow_letters=True, today=now.date())
    except InvalidPhoneNumber:
        # An unknown campaign is reported before an invalid number.
        fetch_campaign_and_number(account_id, campaign_id, ())
        raise
    tiers = get_tiers(number) if number.region in US_REGIONS and number.area_code else ()
    campaign, found = fetch_campaign_and_number(account_id, campaign_id, tiers[:2])
    day = now.astimezone(_get_time_zone(campaign.time_zone)).date()
    if campaign.daily_limit and campaign.limits_reset_on != day:
        daily_limit.reset_for_day(campaign.id, day)
        campaign, found = fetch_campaign_and_number(account_id, campaign_id, tiers[:2])
    result = _select_number(campaign, number, tiers, found, day, commit)
    if commit:
        record_match(
            account_id=account_id,
            campaign_id=campaign_id,
            day=day,
            basis=result.basis,
            skipped_tagged=result.skipped_tagged > 0,
            number_id=result.number_id,
            default_e164=campaign.default_e164 if result.basis == Basis.DEFAULT else "",
            is_already_counted=bool(campaign.daily_limit),
        )
    return result


def _select_number(
    campaign: MatchCampaign,
    number: ParsedNumber,
    tiers: Sequence[Tier],
    found: FoundNumber | None,
    day: date,
    commit: bool,
) -> MatchResult:
    """Select the nearest number. `found` is the candidate from the first two tiers, which nearly every call shows."""
    if campaign.is_paused:
        return MatchResult(number.e164, None, None, Basis.NONE, "campaign_paused")
    if not campaign.automatic_matching:
        return _default_result(campaign, number, "matching_off", day, commit)
    if number.region not in US_REGIONS:
        return _default_result(campaign, number, "called_abroad", day, commit)
    if not tiers:
        return _default_result(campaign, number, "called_without_area", day, commit)
    for some_tiers in (tiers[:2], tiers[2:]):
        found = found or fetch_next_number(campaign.id, some_tiers)
        while found:
            tier, number_id, e164, *skipped = found
            if not commit or _reserve_number(tier, campaign, number_id, e164, day):
                counts = SkippedCounts(*skipped) if skipped else count_skipped(campaign.id, tier)
                return MatchResult(number.e164, e164, number_id, tier.basis, "", *counts)
            found = fetch_next_number(campaign.id, some_tiers)
    # The first tier lies within the second.
    counts = count_skipped(campaign.id, *tiers[1:])
    reason_code = "local_numbers_skipped" if any(counts) else "no_local_number"
    return _default_result(campaign, number, reason_code, day, commit, counts)


def _default_result(
    campaign: MatchCampaign,
    number: ParsedNumber,
    reason_code: str,
    day: date,
    commit: bool,
    skipped: SkippedCounts = NONE_SKIPPED,
) -> MatchResult:
    """Return the campaign's default caller ID, or a result without a number if it has none."""
    if campaign.default_id is None or campaign.default_removed_at is not None:
        return MatchResult(number.e164, None, None, Basis.NONE, reason_code, *skipped)
    is_exhausted = False
    if limit := campaign.daily_limit:
        is_exhausted = campaign.default_exhausted_on == day
        if commit:
            calls = daily_limit.count_call(campaign.default_id, account_id=campaign.account_id, day=day, limit=limit)
            is_exhausted = is_exhausted or calls > limit
    return MatchResult(
        number.e164,
        campaign.default_e164,
        campaign.default_id,
        Basis.DEFAULT,
        reason_code,
        *skipped,
        is_tagged=campaign.default_status in PhoneNumber.TAGGED,
        was_labelled=campaign.default_status == PhoneNumber.SpamStatus.LAST_SEEN,
        is_exhausted=is_exhausted,
        is_outside_campaign=campaign.default_campaign_id != campaign.id,
    )


def _reserve_number(tier: Tier, campaign: MatchCampaign, number_id: int, e164: str, day: date) -> bool:
    """Move the rotation on and count the call.

    Returns False if other calls used up the number's daily limit meanwhile. The caller then tries the next number.
    """
    set_last_shown(campaign.id, tier, e164)
    limit = campaign.daily_limit
    if not limit:
        return True
    return (
        daily_limit.count_call(number_id, account_id=campaign.account_id, day=day, limit=limit, enforce_limit=True) > 0
    )
