"""A confirmation window: the numbers it showed, as they stood at that moment, and what became of them."""

from __future__ import annotations

from django.db import models

from portal.audit import Actor
from portal.models import Account, AccountQuerySet, ApiKey, User
from reputation.models.campaigns import Campaign
from reputation.models.numbers import PhoneNumber


class BulkActionQuerySet(AccountQuerySet):
    def under_way(self) -> BulkActionQuerySet:
        return self.filter(state=BulkAction.State.APPLYING)

    def being_prepared(self) -> BulkActionQuerySet:
        return self.filter(state=BulkAction.State.PREPARING)


class BulkAction(models.Model):
    """Bound to what it showed: the numbers are written down when it opens, and only these are acted on."""

    class Action(models.TextChoices):
        ENABLE = "enable", "Enable spam monitoring and remediation"
        DISABLE = "disable", "Disable spam monitoring and remediation"
        ASSIGN = "assign", "Assign to the campaign"
        UNASSIGN = "unassign", "Take out of the campaign"

    class State(models.TextChoices):
        PREPARING = "preparing", "Being prepared"
        SHOWN = "shown", "Shown"
        APPLYING = "applying", "Under way"
        DONE = "done", "Done"

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    # Who opened it, and then who confirmed it: a person, or another system with an API key.
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=10, choices=Action)
    campaign = models.ForeignKey(Campaign, models.CASCADE, null=True, related_name="+")
    all_that_match = models.BooleanField(default=False)
    chosen_by = models.CharField(
        max_length=800, blank=True, help_text="The filter's query string, if all that match were chosen."
    )
    shown_at = models.DateTimeField()
    chosen = models.PositiveIntegerField(default=0)
    expected = models.PositiveIntegerField(null=True, help_text="How many matched on the page where they were chosen.")
    # How many of the chosen, by the code of what stands in their way, empty for nothing; without those taken out.
    counts = models.JSONField(default=dict)
    written_up_to = models.BigIntegerField(default=0, help_text="The id of the last number written down.")
    left_out = models.JSONField(default=list, help_text="Ids that were unticked before the window opened.")
    seats = models.PositiveIntegerField(default=0, help_text="Free seats not yet given to a number written down.")
    at_once = models.BooleanField(default=False, help_text="It is done as soon as it is prepared, unseen.")
    state = models.CharField(max_length=10, choices=State, default=State.PREPARING)
    confirmed_at = models.DateTimeField(null=True)
    to_do = models.PositiveIntegerField(default=0)
    applied = models.PositiveIntegerField(default=0)
    left_alone = models.PositiveIntegerField(default=0, help_text="Changed by somebody else since they were shown.")
    worked_up_to = models.BigIntegerField(default=0, help_text="The id of the last number gone through.")
    done_at = models.DateTimeField(null=True)
    stopped = models.BooleanField(default=False, help_text="Somebody stopped it before all were done.")
    # What matched when it was done and was not shown: how many, and the ids of the first.
    grown = models.PositiveIntegerField(default=0)
    grown_first = models.JSONField(default=list)
    lease_until = models.DateTimeField(null=True)

    objects = BulkActionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {self.chosen} numbers"

    @property
    def confirmed_by(self) -> Actor:
        """Whom the audit trail names for what a worker does of it."""
        return Actor(user=self.user, via="web" if self.user_id else "api", key_id=self.api_key_id)

    @property
    def is_being_prepared(self) -> bool:
        return self.state == self.State.PREPARING

    @property
    def through(self) -> int:
        """How many of `to_do` were gone through so far."""
        return self.applied + self.left_alone


class BulkActionNumber(models.Model):
    """A number as the window showed it. Written by the hundred thousand while somebody waits for the window, so it has
    no index but its key, and no constraint that would look each number up again."""

    class Outcome(models.TextChoices):
        PENDING = "", "Not yet"
        APPLIED = "applied", "Done"
        CHANGED = "changed", "Changed by somebody else since it was shown"
        TAKEN_OUT = "taken_out", "Taken out of the window"

    pk = models.CompositePrimaryKey("confirmation_id", "number_id")
    confirmation = models.ForeignKey(
        BulkAction, models.CASCADE, related_name="numbers", db_index=False, db_constraint=False
    )
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    # A code of eligibility.REFUSALS, empty where nothing stands in the way.
    refusal = models.CharField(max_length=30, blank=True)
    needs_seat = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)

    def __str__(self) -> str:
        return f"{self.number}: {self.refusal or 'can be done'}"
