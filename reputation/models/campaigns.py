"""Outbound dialer campaigns, and the default caller ID of each."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from portal.models import Account, AccountQuerySet
from reputation.models.numbers import PhoneNumber


class Campaign(models.Model):
    """A campaign of a dialer. It calls from the numbers assigned to it, or from `default_number` if none matches."""

    class WhenAllLabelled(models.TextChoices):
        """What a call shows if no number of the called person's State may be shown, for their labels."""

        DEFAULT = "default", "Same State, then the default caller ID"
        LEAST_BAD = "least_bad", "The least bad local number"
        NO_CALL = "no_call", "No call"

    account = models.ForeignKey(Account, models.CASCADE, related_name="campaigns")
    name = models.CharField(max_length=80)
    is_paused = models.BooleanField("paused", default=False)
    automatic_matching = models.BooleanField(
        "automatic caller ID matching",
        default=True,
        help_text="Shows the called person a local number and skips tagged ones.",
    )
    default_number = models.ForeignKey(
        "PhoneNumber",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="default_of",
        verbose_name="default caller ID",
    )
    daily_limit = models.PositiveIntegerField(
        "daily limit of calls per number",
        null=True,
        blank=True,
        help_text="So many calls a day show the same number; then it is skipped until the next day.",
    )
    when_all_labelled = models.CharField(
        "when every local number is labelled",
        max_length=10,
        choices=WhenAllLabelled,
        default=WhenAllLabelled.DEFAULT,
        db_default=WhenAllLabelled.DEFAULT,
    )
    shows_on_other_networks = models.BooleanField(
        "show a number that one network labels on the other networks",
        default=False,
        db_default=False,
        help_text="Only if the dialer says which network the called person uses.",
    )
    # Since when more of its numbers are skipped than SKIPPED_ALERT_PERCENT. See matching/skipped_share.py.
    skipped_alert_since = models.DateTimeField(null=True, editable=False)
    # The account's local date on which `PhoneNumber.exhausted_on` was last reset. See matching/daily_limit.py.
    limits_reset_on = models.DateField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("account", Lower("name"), name="campaign_name_once_in_account")]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def url(self) -> str:
        """The address of its page. Kept, because a table of numbers has the same few campaigns in every row."""
        return reverse("campaign", args=[self.pk])


def get_default_caller_id(campaign: Campaign) -> PhoneNumber | None:
    """Return the default caller ID, or None if the number was removed from the account."""
    number = campaign.default_number
    return number if number and number.removed_at is None else None
