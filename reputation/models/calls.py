"""Daily totals of match answers: how often a dialer was told to show a number, and why. Not a row for each call."""

from django.db import models

from portal.models import Account, AccountQuerySet
from reputation.models.campaigns import Campaign
from reputation.models.numbers import PhoneNumber


class NumberCalls(models.Model):
    """Calls that were to show this number, on a day in the account's time zone."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="calls", db_index=False)
    day = models.DateField()
    calls = models.PositiveIntegerField(default=0)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["number", "day"], name="number_calls_once_a_day")]
        indexes = [models.Index(fields=["day"], name="number_calls_by_day")]

    def __str__(self) -> str:
        return f"{self.number_id} on {self.day}: {self.calls}"


class CampaignCalls(models.Model):
    """Calls of a campaign on a day, by the Basis on which the shown number was matched.

    Of calls that showed a local number with a label, `basis` is "labelled" (matching/recorder.py).
    `skipped_tagged` tells whether tagged numbers that are as near as the shown one, or nearer, were skipped.
    `default_e164` is the default caller ID that the calls showed; a campaign's default may change during the day. It is
    empty for calls that showed no default, and for those recorded before this field existed.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="calls", db_index=False)
    day = models.DateField()
    basis = models.CharField(max_length=10)
    skipped_tagged = models.BooleanField()
    default_e164 = models.CharField(max_length=16, blank=True, default="", db_default="")
    calls = models.PositiveIntegerField(default=0)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "day", "basis", "skipped_tagged", "default_e164"], name="campaign_calls_once_a_day"
            )
        ]
        indexes = [models.Index(fields=["day"], name="campaign_calls_by_day")]

    def __str__(self) -> str:
        return f"{self.campaign_id} on {self.day}, {self.basis}: {self.calls}"
