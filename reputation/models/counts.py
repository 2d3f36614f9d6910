"""Stored counts of an account's numbers by facet, so that pages never count rows."""

from __future__ import annotations

from django.db import models

from portal.models import Account, AccountQuerySet
from reputation.models.numbers import PhoneNumber


class NumberCountQuerySet(AccountQuerySet):
    """Filters with the names of PhoneNumberQuerySet's, for sums of the stored counts."""

    def in_campaign(self, campaign: int) -> NumberCountQuerySet:
        return self.filter(campaign=campaign)

    def not_in_campaign(self, campaign: int) -> NumberCountQuerySet:
        return self.exclude(campaign=campaign)

    def without_campaign(self) -> NumberCountQuerySet:
        return self.filter(campaign=NumberCount.NO_CAMPAIGN)

    def with_capability(self, *capability: str) -> NumberCountQuerySet:
        return self.filter(facet__in=get_facets(capability=capability))

    def monitored(self) -> NumberCountQuerySet:
        return self.with_capability(*PhoneNumber.MONITORED)

    def tagged(self) -> NumberCountQuerySet:
        return self.filter(facet__in=get_facets(spam_status=PhoneNumber.TAGGED))

    def labelled_when_last_seen(self) -> NumberCountQuerySet:
        return self.filter(facet__in=get_facets(spam_status=(PhoneNumber.SpamStatus.LAST_SEEN,)))

    def skipped(self) -> NumberCountQuerySet:
        """Those that matching skips for their labels."""
        return self.filter(facet__in=get_facets(spam_status=PhoneNumber.SKIPPED))

    def total(self) -> int:
        return self.aggregate(total=models.Sum("count"))["total"] or 0

    def by_facet(self) -> dict[int, int]:
        """Totals by facet, without zeros."""
        counted = self.values_list("facet").annotate(total=models.Sum("count")).order_by("facet")
        return {facet: total for facet, total in counted if total}


class NumberCount(models.Model):
    """The number of phone numbers with one account, campaign and facet, maintained by the triggers of count_triggers.

    SQLite has one row for each combination. PostgreSQL has several rows that add up, because concurrent workers
    would wait for each other's lock on a single one.
    """

    NO_CAMPAIGN = 0

    # Deleting an account deletes its numbers, which sets its counts to zero.
    account = models.ForeignKey(Account, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    campaign = models.BigIntegerField()  # no foreign key: the campaign may be deleted in the same transaction
    facet = models.SmallIntegerField()
    count = models.BigIntegerField()

    objects = NumberCountQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "campaign", "facet"], name="number_count")]

    def __str__(self) -> str:
        return f"{self.count:,} {', '.join(FACETS[self.facet][:3])}"


# Facet: spam status, capability, source, and whether the number was ever checked. See PhoneNumber.facet.
FACETS: dict[int, tuple[str, str, str, bool]] = {
    urgency * 1000 + capability * 100 + source * 10 + checked: (status.value, able.value, of.value, bool(checked))
    for urgency, status in enumerate(PhoneNumber.STATUSES_BY_FACET)
    for capability, able in enumerate(PhoneNumber.CAPABILITIES_BY_NAME)
    for source, of in enumerate(PhoneNumber.Source)
    for checked in (0, 1)
}


def get_facets(*, spam_status: tuple[str, ...] = (), capability: tuple[str, ...] = ()) -> list[int]:
    """The facets with one of these values each; an empty tuple does not filter."""
    return [
        facet
        for facet, (status, able, _source, _checked) in FACETS.items()
        if (not spam_status or status in spam_status) and (not capability or able in capability)
    ]
