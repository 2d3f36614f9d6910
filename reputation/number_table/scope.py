"""The scope of a table: the numbers of an account, of one campaign, or of all but one campaign."""

from __future__ import annotations

from dataclasses import dataclass

from portal.models import Account
from reputation.models import Campaign, NumberCount, PhoneNumber
from reputation.models.counts import NumberCountQuerySet
from reputation.models.numbers import PhoneNumberQuerySet


@dataclass(frozen=True)
class NumberScope:
    """All numbers of the account, those of `in_campaign`, or all but those of `not_in_campaign`."""

    account: Account
    in_campaign: Campaign | None = None
    not_in_campaign: Campaign | None = None

    @property
    def account_numbers(self) -> PhoneNumberQuerySet:
        return PhoneNumber.objects.for_account(self.account)

    @property
    def numbers(self) -> PhoneNumberQuerySet:
        numbers = self.account_numbers
        if self.in_campaign:
            return numbers.in_campaign(self.in_campaign.pk)
        return numbers.not_in_campaign(self.not_in_campaign.pk) if self.not_in_campaign else numbers

    @property
    def counts(self) -> NumberCountQuerySet:
        counts = NumberCount.objects.for_account(self.account)
        if self.in_campaign:
            return counts.in_campaign(self.in_campaign.pk)
        return counts.not_in_campaign(self.not_in_campaign.pk) if self.not_in_campaign else counts
