"""How many numbers an account has of each kind, without counting them."""

from __future__ import annotations

from django.db import models

from portal.models import Account, AccountQuerySet
from reputation.models.numbers import PhoneNumber


class NumberCountQuerySet(AccountQuerySet):
    """Sums of what is counted; they chain like the same questions asked of the numbers."""

    def in_campaign(self, campaign: int) -> NumberCountQuerySet:
        return self.filter(campaign=campaign)

    def outside_campaign(self, campaign: int) -> NumberCountQuerySet:
        return self.exclude(campaign=campaign)

    def outside_campaigns(self) -> NumberCountQuerySet:
        return self.filter(campaign=NumberCount.NO_CAMPAIGN)

    def with_capability(self, *capability: str) -> NumberCountQuerySet:
        return self.filter(facet__in=get_facets(capability=capability))

    def monitored(self) -> NumberCountQuerySet:
        return self.with_capability(*PhoneNumber.MONITORED)

    def tagged(self) -> NumberCountQuerySet:
        return self.filter(facet__in=get_facets(spam_status=PhoneNumber.TAGGED))

    def total(self) -> int:
        return self.aggregate(total=models.Sum("count"))["total"] or 0

    def by_facet(self) -> dict[int, int]:
        """Those of which there are any."""
        counted = self.values_list("facet").annotate(total=models.Sum("count")).order_by("facet")
        return {facet: total for facet, total in counted if total}


class NumberCount(models.Model):
    """Numbers of one account, campaign and facet. The database itself keeps it, by the triggers of counting.py: a row
    for each on SQLite; on PostgreSQL rows that add up, since workers would wait for one another at a single one."""

    NO_CAMPAIGN = 0

    # When an account is deleted its numbers are, which takes what is counted down to nothing.
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    campaign = models.BigIntegerField()  # an id, of a campaign that may be gone in this very transaction
    facet = models.SmallIntegerField()
    count = models.BigIntegerField()

    objects = NumberCountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "campaign", "facet"], name="number_count")]

    def __str__(self) -> str:
        return f"{self.count:,} {', '.join(FACETS[self.facet][:3])}"


# What each facet says: spam status, capability, source, and whether the number was ever checked.
FACETS: dict[int, tuple[str, str, str, bool]] = {
    urgency * 1000 + capability * 100 + source * 10 + checked: (status.value, able.value, of.value, bool(checked))
    for urgency, status in enumerate(PhoneNumber.URGENCY)
    for capability, able in enumerate(PhoneNumber.CAPABILITIES)
    for source, of in enumerate(PhoneNumber.Source)
    for checked in (0, 1)
}


def get_facets(
    *, spam_status: tuple[str, ...] = (), capability: tuple[str, ...] = (), source: tuple[str, ...] = ()
) -> list[int]:
    """The facets with one of these values each; an empty tuple asks for nothing."""
    return [
        facet
        for facet, values in FACETS.items()
        if all(
            value in wanted
            for value, wanted in zip(values[:3], (spam_status, capability, source), strict=True)
            if wanted
        )
    ]
