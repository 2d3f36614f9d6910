"""Results of matching: the number that a call shows, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from portal.phone.numbers import ParsedNumber
from reputation.matching import daily_limit
from reputation.matching.labelled import LabelledNumber
from reputation.matching.queries import NONE_SKIPPED, FoundNumber, MatchCampaign, SkippedCounts, count_skipped
from reputation.matching.tiers import Basis, Tier
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
    "all_labelled": "Every number in the called person's State is labelled or at its daily limit, and the campaign is "
    "to make no call then.",
    "daily_limits_reached": "Every number that the call may show has reached its daily limit.",
}
# Why a call shows a labelled local number.
LABELLED_REASONS: dict[str, str] = {
    "labelled_elsewhere": "It is labelled on one network only, and the called person uses another one.",
    "least_bad_label": "Every number in the called person's State is labelled or at its daily limit, and this one has "
    "the least bad label.",
}


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The number that a call shows, and why.

    `caller_id` is in E.164, or None if there is no number to show. `reason_code` is a key of REASONS or
    LABELLED_REASONS, empty if a local number without a label was found. `skipped_...` count the skipped numbers that
    are at least as near as the shown one. `is_tagged` and `was_labelled` (when last seen) are true of a labelled number
    that is shown all the same. `is_exhausted` (at the daily limit) and `is_outside_campaign` can be true of a default
    caller ID only. `is_counted`: the call was counted against a daily limit.
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
    is_counted: bool = False


class Call(NamedTuple):
    """A call that waits for its caller ID. `day` is the account's; without `commit`, nothing is counted.

    `called_carrier` is the called person's network, empty if the dialer does not know it.
    """

    campaign: MatchCampaign
    number: ParsedNumber
    tiers: Sequence[Tier]
    day: date
    commit: bool
    called_carrier: str


def no_number(call: Call, reason_code: str, skipped: SkippedCounts = NONE_SKIPPED) -> MatchResult:
    return MatchResult(call.number.e164, None, None, Basis.NONE, reason_code, *skipped)


def local_number(call: Call, found: FoundNumber) -> MatchResult:
    tier, number_id, e164, *skipped = found
    counts = SkippedCounts(*skipped) if skipped else count_skipped(call.campaign.id, tier)
    is_counted = call.commit and call.campaign.daily_limit is not None
    return MatchResult(call.number.e164, e164, number_id, tier.basis, "", *counts, is_counted=is_counted)


def labelled_number(call: Call, labelled: LabelledNumber, reason_code: str) -> MatchResult:
    """Return a labelled number, which is then not one of the skipped ones."""
    was_labelled = labelled.status == PhoneNumber.SpamStatus.LAST_SEEN
    skipped = count_skipped(call.campaign.id, labelled.tier)
    return MatchResult(
        call.number.e164,
        labelled.e164,
        labelled.number_id,
        labelled.tier.basis,
        reason_code,
        skipped_tagged=max(skipped.tagged - (not was_labelled), 0),
        skipped_last_seen=max(skipped.last_seen - was_labelled, 0),
        skipped_exhausted=skipped.exhausted,
        is_tagged=not was_labelled,
        was_labelled=was_labelled,
        is_counted=call.commit and call.campaign.daily_limit is not None,
    )


def default_number(call: Call, reason_code: str) -> MatchResult:
    """Return the default where no number is local: beyond its daily limit, too, and none if there is no default."""
    campaign = call.campaign
    if campaign.default_id is None or campaign.default_removed_at is not None:
        return no_number(call, reason_code)
    is_exhausted = False
    if limit := campaign.daily_limit:
        is_exhausted = campaign.default_exhausted_on == call.day
        if call.commit:
            calls = daily_limit.count_call(
                campaign.default_id, account_id=campaign.account_id, day=call.day, limit=limit, is_default=True
            )
            is_exhausted = is_exhausted or calls > limit
    is_counted = call.commit and limit is not None
    return _build_default(call, reason_code, NONE_SKIPPED, is_exhausted=is_exhausted, is_counted=is_counted)


def default_number_in_place(call: Call, skipped: SkippedCounts, reason_code: str) -> MatchResult:
    """Return the default in place of skipped numbers: up to its daily limit, and that of the campaign that it is in.

    `reason_code` is why there is no number if there is no default either.
    """
    campaign = call.campaign
    if campaign.default_id is None or campaign.default_removed_at is not None:
        return no_number(call, reason_code, skipped)
    limit = daily_limit.get_default_limit(campaign.daily_limit, campaign_id=campaign.id, default_id=campaign.default_id)
    if limit:
        if call.commit:
            calls = daily_limit.count_call(
                campaign.default_id,
                account_id=campaign.account_id,
                day=call.day,
                limit=limit,
                enforce_limit=True,
                is_default=True,
            )
            is_reached = calls == 0
        else:
            is_reached = daily_limit.get_calls(campaign.default_id, call.day) >= limit
        if is_reached:
            return no_number(call, "daily_limits_reached", skipped)
    return _build_default(call, "local_numbers_skipped", skipped, is_counted=call.commit and limit is not None)


def _build_default(
    call: Call, reason_code: str, skipped: SkippedCounts, *, is_exhausted: bool = False, is_counted: bool
) -> MatchResult:
    campaign = call.campaign
    return MatchResult(
        call.number.e164,
        campaign.default_e164,
        campaign.default_id,
        Basis.DEFAULT,
        reason_code,
        *skipped,
        is_tagged=campaign.default_status in PhoneNumber.TAGGED,
        was_labelled=campaign.default_status == PhoneNumber.SpamStatus.LAST_SEEN,
        is_exhausted=is_exhausted,
        is_outside_campaign=campaign.default_campaign_id != campaign.id,
        is_counted=is_counted,
    )
