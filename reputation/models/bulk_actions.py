"""Bulk actions: the numbers that a confirmation window showed, with their state at that moment, and the outcome."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from portal.audit import Actor
from portal.models import Account, AccountQuerySet, ApiKey, Claimable, User
from reputation.models.campaigns import Campaign
from reputation.models.numbers import PhoneNumber


class BulkActionQuerySet(AccountQuerySet):
    def in_progress(self) -> BulkActionQuerySet:
        return self.filter(state=BulkAction.State.APPLYING)

    def preparing(self) -> BulkActionQuerySet:
        return self.filter(state=BulkAction.State.PREPARING)


class BulkAction(Claimable):
    """An action on many numbers. It applies to the numbers in its snapshot, which is taken when the window opens."""

    class Action(models.TextChoices):
        ENABLE = "enable", "Enable spam monitoring and remediation"
        DISABLE = "disable", "Disable spam monitoring and remediation"
        ASSIGN = "assign", "Assign to the campaign"
        UNASSIGN = "unassign", "Take out of the campaign"
        RELEASE = "release", "Use numbers again"

    class State(models.TextChoices):
        PREPARING = "preparing", "Being prepared"
        READY = "shown", "Shown"
        APPLYING = "applying", "Under way"
        DONE = "done", "Done"

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    # Who opened it, and then who confirmed it: a person, or another system with an API key.
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=10, choices=Action)
    campaign = models.ForeignKey(Campaign, models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.PREPARING)

    # What was selected.
    selects_all_matching = models.BooleanField(default=False)
    filter_query = models.TextField(blank=True, help_text="The filter's query string, if all that match are selected.")
    excluded_ids = models.JSONField(default=list, help_text="Ids that were unticked before the window opened.")
    expected_count = models.PositiveIntegerField(null=True, help_text="How many matched on the page of the selection.")
    apply_immediately = models.BooleanField(default=False, help_text="Confirmed as soon as the snapshot is complete.")

    # The snapshot.
    created_at = models.DateTimeField()
    selected_count = models.PositiveIntegerField(default=0)
    # How many of the selected, by refusal code (empty for none), without those that were removed from the window.
    refusal_counts = models.JSONField(default=dict)
    snapshot_cursor = models.BigIntegerField(default=0, help_text="The id of the last number in the snapshot.")
    free_seats = models.PositiveIntegerField(default=0, help_text="Free seats that no number of the snapshot takes.")

    # What was done.
    confirmed_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why, for the audit trail.")
    total_count = models.PositiveIntegerField(default=0, help_text="How many it applied to when it was confirmed.")
    applied_count = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0, help_text="Changed by somebody else since the snapshot.")
    apply_cursor = models.BigIntegerField(default=0, help_text="The id of the last number that was processed.")
    ended_at = models.DateTimeField(null=True)
    # Of numbers that are taken out of a campaign and get no seat.
    max_ending = models.PositiveIntegerField(default=0, help_text="For how many numbers monitoring may end.")
    ended_count = models.PositiveIntegerField(default=0, help_text="For how many numbers monitoring ended.")
    is_stopped = models.BooleanField(default=False, help_text="Somebody stopped it before all were processed.")
    # What matched when it ended and is not in the snapshot: how many, and the ids of the first.
    newly_matching_count = models.PositiveIntegerField(default=0)
    newly_matching_ids = models.JSONField(default=list)

    # When the last worker let go of it. With the lease, it says since when it waits for a worker.
    waiting_since = models.DateTimeField(null=True, editable=False)

    objects = BulkActionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["state"], name="bulk_action_unfinished", condition=Q(state__in=["preparing", "applying"])
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {self.selected_count} numbers"

    @property
    def confirming_actor(self) -> Actor:
        """Whom the audit trail names for what a worker does."""
        return Actor(user=self.user, via="web" if self.user_id else "api", api_key_id=self.api_key_id)

    @property
    def is_preparing(self) -> bool:
        return self.state == self.State.PREPARING

    @property
    def processed_count(self) -> int:
        """How many of `total_count` were processed so far."""
        return self.applied_count + self.skipped_count

    def add_refused(self, refusal: str, count: int) -> None:
        """Add to the number of selected with this refusal code. Does not save."""
        self.refusal_counts[refusal] = self.refusal_counts.get(refusal, 0) + count


class BulkActionNumber(models.Model):
    """A number in the snapshot of a bulk action.

    Hundreds of thousands are written while somebody waits for the window. So there is no index but the key, and no
    constraint that would look each number up again.
    """

    class Outcome(models.TextChoices):
        PENDING = "", "Not yet"
        APPLIED = "applied", "Done"
        SKIPPED = "changed", "Changed by somebody else since it was shown"
        REMOVED = "taken_out", "Taken out of the window"

    pk = models.CompositePrimaryKey("bulk_action_id", "number_id")
    bulk_action = models.ForeignKey(
        BulkAction, models.CASCADE, related_name="numbers", db_index=False, db_constraint=False
    )
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    # A code of eligibility.REFUSALS, empty if the action may be applied.
    refusal = models.CharField(max_length=30, blank=True)
    needs_seat = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)

    def __str__(self) -> str:
        return f"{self.number}: {self.refusal or 'can be done'}"
