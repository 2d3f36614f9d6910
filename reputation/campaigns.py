"""Outbound dialer campaigns: which numbers each calls from, and which it shows where none of them matches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account, today_of
from portal.phone.numbers import format_national
from reputation.matching import daily_limit
from reputation.models import Campaign, NumberCount, PhoneNumber
from reputation.models.campaigns import get_default_caller_id
from reputation.number_table.alerts import NumberRow, build_rows

# More calls a day than one number can be shown for: it only keeps a limit within what the database holds.
MAX_DAILY_LIMIT = 1_000_000

CAMPAIGN_NAME = Coalesce(Subquery(Campaign.objects.filter(pk=OuterRef("campaign")).values("name")), Value(""))
MAX_CALLER_ID_CHOICES = 10


class CampaignError(Exception):
    """Nothing was changed; the message tells a person why, and what to do next."""


class NameTaken(CampaignError):
    """Another campaign of the account has this name, however its letters are written."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is already a campaign called {name}. Choose another name.")


@dataclass(frozen=True)
class CampaignRow:
    """A campaign as a list shows it: how many numbers it has, how many of them are tagged, its default caller ID."""

    campaign: Campaign
    numbers: int
    tagged: int
    default: NumberRow | None


def build_campaign_rows(account: Account, now: datetime) -> list[CampaignRow]:
    """The account's campaigns by name; five queries, however many there are."""
    campaigns = list(Campaign.objects.for_account(account).select_related("default_number").order_by("name", "pk"))
    assigned = NumberCount.objects.for_account(account).values_list("campaign")
    numbers = dict(assigned.annotate(Sum("count")))
    tagged = dict(assigned.tagged().annotate(Sum("count")))
    defaults = {campaign.pk: default for campaign in campaigns if (default := get_default_caller_id(campaign))}
    rows = {row.number.pk: row for row in build_rows(defaults.values(), now)}
    return [
        CampaignRow(
            campaign,
            numbers.get(campaign.pk, 0),
            tagged.get(campaign.pk, 0),
            default=rows[defaults[campaign.pk].pk] if campaign.pk in defaults else None,
        )
        for campaign in campaigns
    ]


def get_caller_id_choices(campaign: Campaign, text: str) -> tuple[list[PhoneNumber], bool]:
    """Numbers to choose the default caller ID among, and whether there are more than these first.

    Those of the account in whose number or label the text stands; without a text, those of the campaign that are not
    tagged.
    """
    numbers = PhoneNumber.objects.for_account(campaign.account_id).filter(kind__in=PhoneNumber.CALLER_ID_KINDS)
    if text.strip():
        numbers = numbers.matching(text)
    else:
        numbers = numbers.in_campaign(campaign).exclude(spam_status__in=PhoneNumber.TAGGED)
    first = list(numbers.order_by("e164")[: MAX_CALLER_ID_CHOICES + 1])
    return first[:MAX_CALLER_ID_CHOICES], len(first) > MAX_CALLER_ID_CHOICES


def create(
    *, account: Account, name: str, automatic_matching: bool, daily_limit: int | None = None, context: Context
) -> Campaign:
    """Adds a running campaign, without numbers. Raises NameTaken."""
    with _unique_name(name), transaction.atomic():
        campaign = Campaign.objects.create(
            account=account,
            name=name,
            automatic_matching=automatic_matching,
            daily_limit=daily_limit,
            created_at=context.now,
        )
        audit.record_event(account=account, context=context, what="campaign.added", subject=campaign, after=name)
    return campaign


def rename(campaign: Campaign, *, name: str, shown: str, context: Context) -> bool:
    """Gives it another name; False where it has that name already. `shown` is the name that the person saw.

    Raises NameTaken, and NotChanged if it was renamed since it was shown.
    """
    if name == shown:
        return False
    with _unique_name(name), transaction.atomic():
        renamed = Campaign.objects.filter(pk=campaign.pk, name=shown).update(name=name)
        campaign.refresh_from_db()
        if not renamed and campaign.name != name:
            raise CampaignError(
                f"Somebody renamed it to {campaign.name} meanwhile. Nothing was changed; look at it again."
            )
        if renamed:
            _record(campaign, context=context, what="campaign.name", before=shown, after=name)
    return bool(renamed)


def pause(campaign: Campaign, *, context: Context) -> bool:
    """The dialer stops calling for it; False if it was paused before."""
    return _set_flag(campaign, "is_paused", True, what="campaign.paused", context=context)


def resume(campaign: Campaign, *, context: Context) -> bool:
    """The dialer calls for it again; False if it was running."""
    return _set_flag(campaign, "is_paused", False, what="campaign.resumed", context=context)


def set_automatic_matching(campaign: Campaign, *, on: bool, context: Context) -> bool:
    """Switches automatic caller-ID matching on or off; False if it stood so already."""
    what = "campaign.matching_on" if on else "campaign.matching_off"
    return _set_flag(campaign, "automatic_matching", on, what=what, context=context)


def set_daily_limit(campaign: Campaign, *, calls: int | None, shown: int | None, context: Context) -> bool:
    """So many calls a day may show the same number; None for any number of them. False if it was so already.

    `shown` is the limit that the person saw. Raises NotChanged if it was changed since.
    """
    if calls == shown:
        return False
    with transaction.atomic():
        before = Campaign.objects.select_for_update(of=("self",)).select_related("account").get(pk=campaign.pk)
        if before.daily_limit != shown:
            now_is = f"{before.daily_limit} calls" if before.daily_limit else "none"
            raise CampaignError(f"The daily limit was changed meanwhile: it is {now_is}. Nothing else was changed.")
        day = today_of(before.account, context.now)
        Campaign.objects.filter(pk=campaign.pk).update(daily_limit=calls, limits_began_on=day)
        daily_limit.recompute(PhoneNumber.objects.in_campaign(campaign), account_id=before.account_id, now=context.now)
        limits = {"before": str(shown or "none"), "after": str(calls or "none")}
        _record(campaign, context=context, what="campaign.daily_limit", **limits)
    campaign.daily_limit = calls
    return True


def set_default_number(campaign: Campaign, *, number: int | None, shown: int | None, context: Context) -> bool:
    """Makes the number with this id the default caller ID, or has none; False if it was so already.

    `shown` is the id of the default that the person saw. Raises NotChanged if another was chosen since, and where the
    number is not one of the account's that can be shown as a caller ID.
    """
    if number == shown:
        return False
    with transaction.atomic():
        chosen = _get_caller_id_for_update(campaign, number) if number else None
        before = Campaign.objects.select_for_update(of=("self",)).select_related("default_number").get(pk=campaign.pk)
        if before.default_number_id != shown:
            now_is = format_national(before.default_number.e164) if before.default_number else "none"
            raise CampaignError(
                f"The default caller ID was changed meanwhile: it is {now_is}. Nothing else was changed."
            )
        Campaign.objects.filter(pk=campaign.pk).update(default_number=chosen)
        _record(
            campaign,
            context=context,
            what="campaign.default",
            before=before.default_number.e164 if before.default_number else "",
            after=chosen.e164 if chosen else "",
        )
    return True


def clear_default_numbers(number_ids: Sequence[int], *, context: Context) -> None:
    """Campaigns whose default caller ID is removed from the account have none from now on."""
    with transaction.atomic():
        campaigns = Campaign.objects.filter(default_number__in=number_ids)
        audit.record_changes(
            campaigns, context=context, what="campaign.default", label="name", before=F("default_number__e164")
        )
        campaigns.update(default_number=None)


def _get_caller_id_for_update(campaign: Campaign, number: int) -> PhoneNumber:
    chosen = PhoneNumber.objects.for_account(campaign.account_id).select_for_update().filter(pk=number).first()
    if chosen is None:
        raise CampaignError(
            "This number is not, or no longer, one of the account's. Nothing was changed; choose another."
        )
    if chosen.kind not in PhoneNumber.CALLER_ID_KINDS:
        raise CampaignError(f"{chosen} cannot be shown as a caller ID. Nothing was changed; choose another number.")
    return chosen


def _set_flag(campaign: Campaign, field: str, to: bool, *, what: str, context: Context) -> bool:
    with transaction.atomic():
        switched = Campaign.objects.filter(pk=campaign.pk, **{field: not to}).update(**{field: to})
        if switched:
            _record(campaign, context=context, what=what)
    setattr(campaign, field, to)
    return bool(switched)


def _record(campaign: Campaign, *, what: str, context: Context, before: str = "", after: str = "") -> None:
    audit.record_event(
        account=campaign.account, context=context, what=what, subject=campaign, before=before, after=after
    )


@contextmanager
def _unique_name(name: str) -> Iterator[None]:
    """The database decides, so that of two people who choose a name at the same moment one is told."""
    try:
        yield
    except IntegrityError as error:
        raise NameTaken(name) from error


def assign(ids: Sequence[int], *, campaign: Campaign, context: Context) -> list[int]:
    """Puts these numbers of the campaign's account into it, taking them out of any other; returns those that moved."""
    return _set_campaign(ids, campaign=campaign, account_id=campaign.account_id, context=context)


def unassign(ids: Sequence[int], *, account_id: int, context: Context) -> list[int]:
    """Takes these numbers of the account out of their campaigns; returns those that were in one."""
    return _set_campaign(ids, campaign=None, account_id=account_id, context=context)


def _set_campaign(ids: Sequence[int], *, campaign: Campaign | None, account_id: int, context: Context) -> list[int]:
    elsewhere = Q(campaign__isnull=True) | ~Q(campaign=campaign) if campaign else Q(campaign__isnull=False)
    with transaction.atomic():
        movable = PhoneNumber.objects.for_account(account_id).filter(elsewhere, pk__in=in_list(ids))
        moved = list(movable.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        numbers = PhoneNumber.objects.filter(pk__in=in_list(moved))
        audit.record_changes(
            numbers,
            context=context,
            what="number.campaign",
            label="e164",
            before=CAMPAIGN_NAME,
            after=Value(campaign.name if campaign else ""),
        )
        numbers.update(campaign=campaign)
        daily_limit.recompute(numbers, account_id=account_id, now=context.now)
    return moved
