"""Choose the caller ID that a call shows: automatic caller-ID matching, the product's hot path.

`match` returns the number nearest to the called person: first the same area code and exchange, then the same area code,
then another area code of the same State, and last the campaign's default caller ID. Numbers that are tagged or were
labelled when last seen, and numbers at the campaign's daily limit, are skipped. The default is not skipped for its
label, because it is what a call shows when no other number is left; the result then has `is_tagged` or `was_labelled`
set. The rules are the last paragraphs of the specification.

Two settings of a campaign let a call show a labelled number (labelled.py):

- `shows_on_other_networks`: a number whose labels are all on one network is shown to people who use another one, if the
  dialer names their carrier. It is skipped as usual if that carrier is not known.
- `when_all_labelled`: what a call shows if no number of the State may be shown, and a label is a reason for that: the
  default caller ID, the least bad local number, or no call at all.

Skipping never pushes a number over its daily limit: each number is counted before it is shown, a labelled one too, and
so is the default caller ID where local numbers were skipped. If all are at their limit, the call shows none. A default
that stands in for numbers that do not exist is shown beyond the limit, with `is_exhausted` set.

Correctness and cost:

- Nothing about a number is cached. Each call reads committed data through partial indexes that hold only the numbers
  that may be shown, so no process returns a number after its tag is committed. A probe of such an index costs the same
  for ten numbers and for 100,000.
- Equally near numbers rotate in the order of their digits. Each process keeps its own position in memory, which needs
  no write. With N processes, no number is ahead of its equals by more than N calls.
- Only a daily limit needs a count that all processes share. Only then does a call write a row.
"""

from __future__ import annotations

import time
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, parse_number
from reputation.matching import daily_limit, results
from reputation.matching.labelled import find_labelled_elsewhere, find_least_bad
from reputation.matching.queries import FoundNumber, count_skipped, fetch_campaign_and_number, fetch_next_number
from reputation.matching.recorder import LABELLED_BASIS, record_match
from reputation.matching.results import LABELLED_REASONS, REASONS, Call, MatchResult
from reputation.matching.rotation import set_last_shown
from reputation.matching.tiers import Basis, Tier, get_tiers
from reputation.models import Campaign
from reputation.monitoring.carriers import CarrierNetworks, read_networks

__all__ = ["REASONS", "MatchResult", "match"]

_get_time_zone = cache(ZoneInfo)


def match(
    *,
    account_id: int,
    campaign_id: int,
    called_number: str,
    now: datetime,
    called_carrier: str = "",
    commit: bool = True,
) -> MatchResult:
    """Return the number to show for a call to `called_number`, as written in the United States or with + and country.

    `called_carrier` is the called person's network, as a look-up names it; empty if it is not known.

    With `commit`, the rotation moves on, the call counts against a daily limit, and the result is recorded. Without it,
    nothing changes. Raises CampaignNotFound, and InvalidPhoneNumber if the called number cannot be called.
    """
    started = time.perf_counter()
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
    result = _select_number(Call(campaign, number, tiers, day, commit, called_carrier), found)
    if commit:
        record_match(
            account_id=account_id,
            campaign_id=campaign_id,
            day=day,
            basis=LABELLED_BASIS if result.reason_code in LABELLED_REASONS else result.basis,
            skipped_tagged=result.skipped_tagged > 0,
            number_id=result.number_id,
            default_e164=campaign.default_e164 if result.basis == Basis.DEFAULT else "",
            is_already_counted=result.is_counted,
            seconds=time.perf_counter() - started,
        )
    return result


def _select_number(call: Call, found: FoundNumber | None) -> MatchResult:
    """Select the nearest number. `found` is the candidate from the first two tiers, which nearly every call shows."""
    campaign, tiers = call.campaign, call.tiers
    if campaign.is_paused:
        return results.no_number(call, "campaign_paused")
    if not campaign.automatic_matching:
        return results.default_number(call, "matching_off")
    if call.number.region not in US_REGIONS:
        return results.default_number(call, "called_abroad")
    if not tiers:
        return results.default_number(call, "called_without_area")
    if call.called_carrier and campaign.shows_on_other_networks:
        networks = read_networks()
        if networks.is_known(call.called_carrier):
            return _select_for_carrier(call, found, networks)
    for some_tiers in (tiers[:2], tiers[2:]):
        found = found or fetch_next_number(campaign.id, some_tiers)
        while found:
            if _reserve_number(call, found[0], found[1], found[2]):
                return results.local_number(call, found)
            found = fetch_next_number(campaign.id, some_tiers)
    return _select_without_local_number(call)


def _select_for_carrier(call: Call, found: FoundNumber | None, networks: CarrierNetworks) -> MatchResult:
    """Like _select_number, but a number that is labelled on other networks only is not skipped.

    Of equally near numbers, those without a label come first.
    """
    campaign_id, carrier = call.campaign.id, call.called_carrier
    for some_tiers in (call.tiers[:2], call.tiers[2:]):
        while True:
            found = found or fetch_next_number(campaign_id, some_tiers)
            nearer = some_tiers[: some_tiers.index(found[0])] if found else some_tiers
            labelled = find_labelled_elsewhere(campaign_id, nearer, carrier, networks)
            if labelled and _reserve_number(call, labelled.tier, labelled.number_id, labelled.e164):
                return results.labelled_number(call, labelled, "labelled_elsewhere")
            if found and not labelled and _reserve_number(call, found[0], found[1], found[2]):
                return results.local_number(call, found)
            if not found and not labelled:
                break
            found = None  # other calls used up a limit
    return _select_without_local_number(call)


def _select_without_local_number(call: Call) -> MatchResult:
    """Select what the campaign chose for a call without a local number that may be shown."""
    campaign, choices = call.campaign, Campaign.WhenAllLabelled
    # The first tier lies within the second.
    skipped = count_skipped(campaign.id, *call.tiers[1:])
    if not any(skipped):
        return results.default_number(call, "no_local_number")
    if not skipped.tagged and not skipped.last_seen:
        return results.default_number_in_place(call, skipped, "daily_limits_reached")
    if campaign.when_all_labelled == choices.NO_CALL:
        return results.no_number(call, "all_labelled", skipped)
    if campaign.when_all_labelled == choices.LEAST_BAD:
        networks = read_networks()
        while labelled := find_least_bad(campaign.id, call.tiers, networks):
            if _reserve_number(call, labelled.tier, labelled.number_id, labelled.e164):
                return results.labelled_number(call, labelled, "least_bad_label")
        return results.default_number_in_place(call, skipped, "daily_limits_reached")
    return results.default_number_in_place(call, skipped, "local_numbers_skipped")


def _reserve_number(call: Call, tier: Tier, number_id: int, e164: str) -> bool:
    """Move the rotation on and count the call, if it is committed.

    Returns False if other calls used up the number's daily limit meanwhile. The caller then tries the next number.
    """
    if not call.commit:
        return True
    campaign = call.campaign
    set_last_shown(campaign.id, tier, e164)
    limit = campaign.daily_limit
    if not limit:
        return True
    return (
        daily_limit.count_call(number_id, account_id=campaign.account_id, day=call.day, limit=limit, enforce_limit=True)
        > 0
    )
