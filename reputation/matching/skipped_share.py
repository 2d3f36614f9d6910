"""The share of a campaign's numbers that matching skips for their labels, and the alert above SKIPPED_ALERT_PERCENT.

Only running campaigns with automatic matching skip numbers. Numbers at their daily limit do not count: they are
available again the next day. The counts are the stored ones of NumberCount, so nothing is counted by reading numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from portal.models import Account
from reputation.models import Campaign, NumberCount
from reputation.models.campaigns import get_default_caller_id
from reputation.models.counts import NumberCountQuerySet


@dataclass(frozen=True)
class SkippedShare:
    """How many of a campaign's numbers are skipped for their labels."""

    campaign: Campaign
    skipped: int
    total: int

    @property
    def percent(self) -> int:
        """Return the percentage, rounded. It is 100 only if no number is left."""
        if self.is_all:
            return 100
        return min(round(self.skipped * 100 / self.total), 99) if self.total else 0

    @property
    def is_all(self) -> bool:
        """Whether matching skips every number of the campaign."""
        return 0 < self.total <= self.skipped

    @property
    def is_alert(self) -> bool:
        """Whether pages show an alert. It ends as soon as the share is no longer above the limit."""
        skips_numbers = self.campaign.automatic_matching and not self.campaign.is_paused
        return skips_numbers and self.skipped * 100 > self.total * settings.SKIPPED_ALERT_PERCENT

    @property
    def choice(self) -> str:
        """Return what calls show if every local number is labelled. Select the default caller ID with the campaign."""
        shows_default = self.campaign.when_all_labelled == Campaign.WhenAllLabelled.DEFAULT
        if shows_default and get_default_caller_id(self.campaign) is None:
            return "Same State, then no caller ID, since it has no default"
        return self.campaign.get_when_all_labelled_display()


def get_alerts(account: Account, *, limit: int) -> list[SkippedShare]:
    """Return the account's campaigns with an alert, by name; one query."""
    campaigns = with_high_share(Campaign.objects.for_account(account)).select_related("default_number")
    return [get_counted_share(campaign) for campaign in campaigns.order_by("name", "pk")[:limit]]


def get_counted_share(campaign: Campaign) -> SkippedShare:
    """Return the share of a campaign that was read with with_high_share."""
    return SkippedShare(campaign, campaign.skipped_count, campaign.number_count)  # type: ignore[attr-defined]


def update_alerts(now: datetime) -> None:
    """Store since when each campaign has an alert, for the digest; two statements for all campaigns."""
    high = with_high_share(Campaign.objects.all()).order_by().values("pk")
    Campaign.objects.filter(skipped_alert_since__isnull=True, pk__in=high).update(skipped_alert_since=now)
    Campaign.objects.filter(skipped_alert_since__isnull=False).exclude(pk__in=high).update(skipped_alert_since=None)


def with_high_share(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Filter campaigns with an alert. Adds `number_count` and `skipped_count`."""
    counts = NumberCount.objects.filter(account=OuterRef("account"), campaign=OuterRef("pk")).order_by()
    skipping = campaigns.filter(automatic_matching=True, is_paused=False)
    counted = skipping.annotate(number_count=_total(counts), skipped_count=_total(counts.skipped()))
    return counted.alias(hundredfold=F("skipped_count") * 100).filter(
        hundredfold__gt=F("number_count") * settings.SKIPPED_ALERT_PERCENT
    )


def _total(counts: NumberCountQuerySet) -> Coalesce:
    return Coalesce(Subquery(counts.values("campaign").annotate(total=Sum("count")).values("total")), 0)
