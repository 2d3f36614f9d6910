"""A CSV file of numbers: received, read into staged rows, shown, and, once it is confirmed, applied."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from portal.audit import Actor
from portal.models import Account, AccountQuerySet, ApiKey, User
from portal.phone.numbers import country_name
from reputation.models.campaigns import Campaign
from reputation.models.numbers import PhoneNumber


class NumberImportQuerySet(AccountQuerySet):
    def under_way(self) -> NumberImportQuerySet:
        """Those the service is at, or will be in a moment: a page shows how far they are."""
        return self.filter(state__in=NumberImport.UNDER_WAY)

    def waiting_for_you(self) -> NumberImportQuerySet:
        """Those that were read and wait for somebody to confirm them."""
        return self.filter(state=NumberImport.State.READY)


class NumberImport(models.Model):
    """One file on its way. `position` and `line` say how far it was read; it is applied in the order of its numbers,
    and `applied_up_to` is the last one that was."""

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        READING = "reading", "Being read"
        READY = "ready", "Ready to confirm"
        APPLYING = "applying", "Under way"
        DONE = "done", "Done"
        FAILED = "failed", "Could not be read"
        STOPPED = "stopped", "Stopped"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Not confirmed in time"

    UNDER_WAY = (State.RECEIVED, State.READING, State.APPLYING)
    UNCONFIRMED = (State.RECEIVED, State.READING, State.READY)

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    file_name = models.CharField(max_length=120)
    # As UTF-8 with \n at the end of each line, whatever it came as; deleted as soon as it is read.
    file = models.FileField(upload_to="imports/", max_length=200, blank=True)
    size = models.PositiveBigIntegerField(help_text="Bytes of `file`.")
    delimiter = models.CharField(max_length=1)
    headings = models.JSONField(default=list, help_text="The headings found; empty for a single column without one.")
    columns = models.JSONField(
        default=dict, help_text="Which column (from 0) holds the number, label, source, campaign."
    )
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVED)
    reason = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    confirmed_with = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    position = models.PositiveBigIntegerField(default=0)
    line = models.PositiveIntegerField(default=0)
    applied_up_to = models.CharField(max_length=16, blank=True)

    # What the preview says will happen.
    will_add = models.PositiveIntegerField(default=0)
    will_bring_back = models.PositiveIntegerField(default=0)
    will_change = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    abroad = models.PositiveIntegerField(default=0, help_text="Of those to be added: outside the United States.")

    # What was done.
    added = models.PositiveIntegerField(default=0)
    brought_back = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    left_alone = models.PositiveIntegerField(default=0, help_text="Changed by somebody else since they were shown.")

    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    rows_kept = models.BooleanField(default=True)

    objects = NumberImportQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="import_by_account"),
            models.Index(
                fields=["state", "received_at"],
                name="import_unfinished",
                condition=Q(rows_kept=True),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def who_confirmed(self) -> Actor:
        """Whom the audit trail names for what a worker does of it."""
        via = "web" if self.confirmed_by_id else "api" if self.confirmed_with_id else "task"
        return Actor(user=self.confirmed_by, via=via, key_id=self.confirmed_with_id)

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def is_applying(self) -> bool:
        return self.state == self.State.APPLYING

    @property
    def can_be_cancelled(self) -> bool:
        return self.state in self.UNCONFIRMED

    @property
    def to_do(self) -> int:
        """How many numbers confirming adds or changes."""
        return self.will_add + self.will_bring_back + self.will_change

    @property
    def through(self) -> int:
        """How many of these are done, or were left alone."""
        return self.added + self.brought_back + self.changed + self.left_alone

    @property
    def done_by(self) -> int:
        """For the progress bar, of `most`: bytes while the file is read, numbers while it is applied."""
        return self.through if self.is_applying else self.position

    @property
    def most(self) -> int:
        return max(self.to_do if self.is_applying else self.size, 1)


class ImportRow(models.Model):
    """A line of the file: what will happen to its number, or why it is refused.

    `label`, `source` and `campaign` are what the number will have; `seen_...` are what it had when the preview was
    made, so that a number which somebody else changed since then is left alone.
    """

    class Outcome(models.TextChoices):
        NEW = "new", "New"
        BACK = "back", "Comes back"
        CHANGED = "changed", "Changed"
        UNCHANGED = "unchanged", "Unchanged"
        REFUSED = "refused", "Refused"
        LEFT_ALONE = "left_alone", "Left alone"

    batch = models.ForeignKey(NumberImport, models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    text = models.CharField(max_length=80, blank=True, help_text="Of a refused line: what stands in it.")
    reason = models.CharField(max_length=200, blank=True)
    # None for a line that holds no number: an index without a condition is used whatever is asked of it.
    e164 = models.CharField(max_length=16, null=True)  # noqa: DJ001
    region = models.CharField(max_length=3, blank=True)
    kind = models.CharField(max_length=12, blank=True)
    area_code = models.CharField(max_length=3, blank=True)
    label = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=6, choices=PhoneNumber.Source, blank=True)
    campaign = models.ForeignKey(Campaign, models.SET_NULL, null=True, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, null=True, related_name="+", db_index=False)
    seen_label = models.CharField(max_length=80, blank=True)
    seen_source = models.CharField(max_length=6, choices=PhoneNumber.Source, blank=True)
    seen_campaign_id = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "line"], name="import_line_once"),
            models.UniqueConstraint(fields=["batch", "e164"], name="import_number_once"),
        ]
        indexes = [
            models.Index(fields=["batch", "outcome", "line"], name="import_by_outcome"),
            models.Index(fields=["number"], name="import_of_number", condition=Q(number__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Line {self.line}: {self.outcome}"

    @property
    def country(self) -> str:
        """Of a number outside the States: which country it belongs to, or which territory."""
        return "" if self.region == "US" else country_name(self.region)

    @property
    def new_label(self) -> bool:
        return self.outcome == self.Outcome.CHANGED and self.label != self.seen_label

    @property
    def new_source(self) -> bool:
        return self.outcome == self.Outcome.CHANGED and self.source != self.seen_source

    @property
    def new_campaign(self) -> bool:
        return self.outcome == self.Outcome.CHANGED and self.campaign_id != self.seen_campaign_id
