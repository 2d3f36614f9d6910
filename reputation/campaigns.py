"""Outbound dialer campaigns: their settings, their default caller ID, and the numbers assigned to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account, today_of
from portal.phone.numbers import format_national
from reputation.matching import daily_limit
from reputation.matching.skipped_share import SkippedShare
from reputation.models import Campaign, NumberCount, PhoneNumber
from reputation.models.campaigns import get_default_caller_id
from reputation.monitoring import coverage
from reputation.number_table.alerts import NumberRow, build_rows

# More calls than one number can make in a day. Keeps a limit within the range of the column.
MAX_DAILY_LIMIT = 1_000_000

# The name of the campaign that a number is in.
CAMPAIGN_NAME = Coalesce(Subquery(Campaign.objects.filter(pk=OuterRef("campaign")).values("name")), Value(""))
MAX_CALLER_ID_CHOICES = 10


class CampaignError(Exception):
    """Nothing was changed. The message tells a person why, and what to do next."""


class NameTaken(CampaignError):
    """Another campaign of the account has this name, ignoring case."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a campaign called {name}. Choose another name.")


@dataclass(frozen=True)
class CampaignRow:
    """A campaign as a list shows it: its numbers, how many of them are tagged or skipped, and its default caller ID."""

    campaign: Campaign
    number_count: int
    tagged_count: int
    default_row: NumberRow | None
    share: SkippedShare


def build_campaign_rows(account: Account, now: datetime) -> list[CampaignRow]:
    """Return the account's campaigns by name; at most seven queries, however many campaigns there are."""
    campaigns = list(Campaign.objects.for_account(account).select_related("default_number").order_by("name", "pk"))
    counts = NumberCount.objects.for_account(account)
    number_counts = dict(counts.values_list("campaign").annotate(Sum("count")))
    skipped_counts = dict(counts.skipped().values_list("campaign").annotate(Sum("count")))
    tagged_counts = dict(counts.tagged().values_list("campaign").annotate(Sum("count")))
    defaults = {campaign.pk: default for campaign in campaigns if (default := get_default_caller_id(campaign))}
    rows = {row.number.pk: row for row in build_rows(defaults.values(), now)}
    return [
        CampaignRow(
            campaign,
            number_counts.get(campaign.pk, 0),
            tagged_counts.get(campaign.pk, 0),
            default_row=rows[defaults[campaign.pk].pk] if campaign.pk in defaults else None,
            share=SkippedShare(campaign, skipped_counts.get(campaign.pk, 0), number_counts.get(campaign.pk, 0)),
        )
        for campaign in campaigns
    ]


def get_caller_id_choices(campaign: Campaign, text: str) -> tuple[list[PhoneNumber], bool]:
    """Return numbers that can become the default caller ID, and whether there are more than these.

    With a text, the account's numbers that contain it in the number or label. Without one, the campaign's numbers that
    are neither tagged nor labelled when last seen.
    """
    numbers = PhoneNumber.objects.for_account(campaign.account_id).filter(kind__in=PhoneNumber.CALLER_ID_KINDS)
    if text.strip():
        numbers = numbers.search(text)
    else:
        numbers = numbers.in_campaign(campaign).exclude(spam_status__in=PhoneNumber.SKIPPED)
    choices = list(numbers.order_by("e164")[: MAX_CALLER_ID_CHOICES + 1])
    return choices[:MAX_CALLER_ID_CHOICES], len(choices) > MAX_CALLER_ID_CHOICES


def get_campaigns_with_only_skipped_numbers(numbers: QuerySet[PhoneNumber]) -> QuerySet[Campaign]:
    """Return the campaigns of these skipped numbers that have no other number to show and no default caller ID.

    Those that show the least bad number then are not among them.
    """
    of_campaign = PhoneNumber.objects.present().filter(campaign=OuterRef("pk"))
    campaigns = Campaign.objects.filter(pk__in=numbers.values("campaign"), automatic_matching=True)
    campaigns = campaigns.exclude(when_all_labelled=Campaign.WhenAllLabelled.LEAST_BAD)
    return campaigns.filter(
        ~Exists(of_campaign.exclude(spam_status__in=PhoneNumber.SKIPPED)),
        Q(default_number__isnull=True) | Q(default_number__removed_at__isnull=False),
    ).order_by("name")


def create(*, account: Account, name: str, context: Context, **settings: Any) -> Campaign:
    """Add a campaign without numbers. `settings` are further fields of Campaign. Raises NameTaken."""
    with _unique_name(name), transaction.atomic():
        campaign = Campaign.objects.create(account=account, name=name, created_at=context.now, **settings)
        audit.record_event(account=account, context=context, code="campaign.added", subject=campaign, after=name)
    return campaign


def rename(campaign: Campaign, *, name: str, expected_name: str, context: Context) -> bool:
    """Rename the campaign. Returns False if it already has this name.

    `expected_name` is the name that the person saw. Raises NameTaken, and CampaignError if somebody renamed the
    campaign since then.
    """
    if name == expected_name:
        return False
    with _unique_name(name), transaction.atomic():
        renamed = Campaign.objects.filter(pk=campaign.pk, name=expected_name).update(name=name)
        campaign.refresh_from_db()
        if not renamed and campaign.name != name:
            raise CampaignError(
                f"Somebody renamed it to {campaign.name} meanwhile. Nothing was changed; look at it again."
            )
        if renamed:
            _record(campaign, context=context, code="campaign.name", before=expected_name, after=name)
    return bool(renamed)


def pause(campaign: Campaign, *, context: Context) -> bool:
    """Make the dialer stop calling for the campaign. Returns False if it was paused already."""
    return _set_flag(campaign, "is_paused", True, code="campaign.paused", context=context)


def resume(campaign: Campaign, *, context: Context) -> bool:
    """Make the dialer call for the campaign again. Returns False if it was not paused."""
    return _set_flag(campaign, "is_paused", False, code="campaign.resumed", context=context)


def set_automatic_matching(campaign: Campaign, *, enabled: bool, context: Context) -> bool:
    """Switch automatic caller-ID matching on or off. Returns False if nothing changes."""
    code = "campaign.matching_on" if enabled else "campaign.matching_off"
    return _set_flag(campaign, "automatic_matching", enabled, code=code, context=context)


def set_shows_on_other_networks(campaign: Campaign, *, enabled: bool, context: Context) -> bool:
    """Choose whether a number that one network labels is shown on others. Returns False if nothing changes."""
    code = "campaign.other_networks_on" if enabled else "campaign.other_networks_off"
    return _set_flag(campaign, "shows_on_other_networks", enabled, code=code, context=context)


def set_when_all_labelled(campaign: Campaign, *, choice: str, context: Context) -> bool:
    """Choose what calls show if every local number is labelled. Returns False if nothing changes."""
    with transaction.atomic():
        before = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if before.when_all_labelled == choice:
            return False
        Campaign.objects.filter(pk=campaign.pk).update(when_all_labelled=choice)
        labels = (before.get_when_all_labelled_display(), Campaign.WhenAllLabelled(choice).label)
        _record(campaign, context=context, code="campaign.when_labelled", before=labels[0], after=labels[1])
    campaign.when_all_labelled = choice
    return True


def set_daily_limit(campaign: Campaign, *, limit: int | None, expected_limit: int | None, context: Context) -> bool:
    """Limit how many calls a day show the same number; None removes the limit. Returns False if nothing changes.

    `expected_limit` is the limit that the person saw. Raises CampaignError if somebody changed it since then.
    """
    if limit == expected_limit:
        return False
    with transaction.atomic():
        before = Campaign.objects.select_for_update(of=("self",)).select_related("account").get(pk=campaign.pk)
        if before.daily_limit != expected_limit:
            current = f"{before.daily_limit} calls" if before.daily_limit else "none"
            raise CampaignError(f"The daily limit was changed meanwhile: it is {current}. Nothing else was changed.")
        day = today_of(before.account, context.now)
        Campaign.objects.filter(pk=campaign.pk).update(daily_limit=limit, limits_reset_on=day)
        daily_limit.recompute(PhoneNumber.objects.in_campaign(campaign), account_id=before.account_id, now=context.now)
        limits = {"before": str(expected_limit or "none"), "after": str(limit or "none")}
        _record(campaign, context=context, code="campaign.daily_limit", **limits)
    campaign.daily_limit = limit
    return True


def set_default_number(campaign: Campaign, *, number_id: int | None, expected_id: int | None, context: Context) -> bool:
    """Set the default caller ID; None removes it. Returns False if nothing changes.

    `expected_id` is the id of the default that the person saw. Raises CampaignError if somebody chose another one since
    then, and if the number is not one of the account's or cannot be a caller ID.
    """
    if number_id == expected_id:
        return False
    with transaction.atomic():
        number = _get_caller_id_for_update(campaign, number_id) if number_id else None
        before = Campaign.objects.select_for_update(of=("self",)).select_related("default_number").get(pk=campaign.pk)
        if before.default_number_id != expected_id:
            current = format_national(before.default_number.e164) if before.default_number else "none"
            raise CampaignError(
                f"The default caller ID was changed meanwhile: it is {current}. Nothing else was changed."
            )
        Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
        _record(
            campaign,
            context=context,
            code="campaign.default",
            before=before.default_number.e164 if before.default_number else "",
            after=number.e164 if number else "",
        )
    return True


def clear_default_numbers(number_ids: Sequence[int], *, context: Context) -> None:
    """Remove these numbers as default caller IDs. Call it before they are removed from the account."""
    with transaction.atomic():
        campaigns = Campaign.objects.filter(default_number__in=number_ids)
        audit.record_changes(
            campaigns, context=context, code="campaign.default", label="name", before=F("default_number__e164")
        )
        campaigns.update(default_number=None)


def _get_caller_id_for_update(campaign: Campaign, number_id: int) -> PhoneNumber:
    number = PhoneNumber.objects.for_account(campaign.account_id).select_for_update().filter(pk=number_id).first()
    if number is None:
        raise CampaignError(
            "This number is not, or no longer, one of the account's. Nothing was changed; choose another."
        )
    if number.kind not in PhoneNumber.CALLER_ID_KINDS:
        raise CampaignError(f"{number} cannot be shown as a caller ID. Nothing was changed; choose another number.")
    return number


def _set_flag(campaign: Campaign, field: str, value: bool, *, code: str, context: Context) -> bool:
    with transaction.atomic():
        is_changed = Campaign.objects.filter(pk=campaign.pk, **{field: not value}).update(**{field: value})
        if is_changed:
            _record(campaign, context=context, code=code)
    setattr(campaign, field, value)
    return bool(is_changed)


def _record(campaign: Campaign, *, code: str, context: Context, before: str = "", after: str = "") -> None:
    audit.record_event(
        account=campaign.account, context=context, code=code, subject=campaign, before=before, after=after
    )


@contextmanager
def _unique_name(name: str) -> Iterator[None]:
    """Raise NameTaken if the database refuses the name. A check beforehand would miss a concurrent change."""
    try:
        yield
    except IntegrityError as error:
        raise NameTaken(name) from error


def assign(ids: Sequence[int], *, campaign: Campaign, context: Context) -> list[int]:
    """Move these numbers of the account into the campaign. Returns the ids of those that were not in it."""
    return _set_campaign(ids, campaign=campaign, account_id=campaign.account_id, context=context)


def unassign(ids: Sequence[int], *, account_id: int, context: Context) -> list[int]:
    """Take these numbers of the account out of their campaigns. Returns the ids of those that were in one.

    Monitoring ends for those that need a seat now and get none (monitoring/coverage.py).
    """
    return _set_campaign(ids, campaign=None, account_id=account_id, context=context)


def _set_campaign(ids: Sequence[int], *, campaign: Campaign | None, account_id: int, context: Context) -> list[int]:
    elsewhere = Q(campaign__isnull=True) | ~Q(campaign=campaign) if campaign else Q(campaign__isnull=False)
    with transaction.atomic():
        account = coverage.lock_account(account_id)
        movable = PhoneNumber.objects.for_account(account_id).filter(elsewhere, pk__in=in_list(ids))
        moved = list(movable.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        if not moved:
            return []
        numbers = PhoneNumber.objects.filter(pk__in=in_list(moved))
        audit.record_changes(
            numbers,
            context=context,
            code="number.campaign",
            label="e164",
            before=CAMPAIGN_NAME,
            after=Value(campaign.name if campaign else ""),
        )
        numbers.update(campaign=campaign)
        daily_limit.recompute(numbers, account_id=account_id, now=context.now)
        if campaign is None:
            coverage.end_without_seat(moved, account=account, context=context)
    return moved
