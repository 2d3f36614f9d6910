"""Imports of numbers: a file is received, read into staged rows, previewed, confirmed, and applied."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from portal.audit import Actor
from portal.models import Account, AccountQuerySet, ApiKey, Claimable, User
from portal.phone.numbers import country_name
from reputation.models.campaigns import Campaign
from reputation.models.numbers import PhoneNumber


class NumberImportQuerySet(AccountQuerySet):
    def in_progress(self) -> NumberImportQuerySet:
        """Imports that workers read or apply, or will in a moment."""
        return self.filter(state__in=NumberImport.IN_PROGRESS)

    def awaiting_confirmation(self) -> NumberImportQuerySet:
        return self.filter(state=NumberImport.State.READY)

    def unconfirmed(self) -> NumberImportQuerySet:
        return self.filter(state__in=NumberImport.UNCONFIRMED)

    def without_contents(self) -> NumberImportQuerySet:
        """For lists: leave out the fields that hold parts of the file."""
        return self.defer("headings", "sample", "column_notes", "requested_columns")


class NumberImport(Claimable):
    """An uploaded file, how to read it, and its progress.

    `byte_offset` and `lines_read` say how far `table_file` was read. The rows are applied in the order of their
    numbers; `apply_cursor` is the last applied one.
    """

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

    class ColumnsOrigin(models.TextChoices):
        GUESSED = "guessed", "By heading and content"
        REMEMBERED = "remembered", "As for the last file with these headings"
        CHOSEN = "chosen", "As chosen"

    IN_PROGRESS = (State.RECEIVED, State.READING, State.APPLYING)
    UNCONFIRMED = (State.RECEIVED, State.READING, State.READY)

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    file_name = models.CharField(max_length=120)
    # Both are deleted once the import is confirmed or has ended.
    file = models.FileField(upload_to="imports/", max_length=200, blank=True, help_text="The file as it was uploaded.")
    table_file = models.FileField(
        upload_to="imports/",
        max_length=200,
        blank=True,
        help_text="The text, or the chosen sheet as CSV, in UTF-8 with \\n line ends. Empty until a worker writes it.",
    )
    size = models.PositiveBigIntegerField(help_text="Size of `file` in bytes.")
    table_size = models.PositiveBigIntegerField(default=0, help_text="Size of `table_file` in bytes.")

    # How to read the file.
    sheets = models.JSONField(default=list, help_text="The names of a workbook's sheets; empty for a text file.")
    sheet = models.CharField(max_length=100, blank=True)
    encoding = models.CharField(max_length=10, blank=True, help_text="A key of portal.files.encodings.ENCODINGS.")
    encoding_is_chosen = models.BooleanField(default=False, help_text="By a person, not guessed.")
    delimiter = models.CharField(max_length=1)
    headings = models.JSONField(default=list, help_text="The headings; empty if the file has none.")
    width = models.PositiveIntegerField(default=0, help_text="The number of columns.")
    header_lines = models.PositiveIntegerField(default=0, help_text="The lines above the rows.")
    header_bytes = models.PositiveBigIntegerField(default=0, help_text="Where in `table_file` the rows begin.")
    sample = models.JSONField(default=list, help_text="The cells of the first rows.")
    columns = models.JSONField(
        default=dict, help_text="Column index (from 0) of the number, label, source, campaign and country."
    )
    columns_origin = models.CharField(max_length=10, choices=ColumnsOrigin, default=ColumnsOrigin.GUESSED)
    column_notes = models.JSONField(default=dict, help_text="Why columns are ignored, by column index.")
    requested_columns = models.JSONField(
        default=dict, help_text="What a person chose, by heading or position, until a worker has read the headings."
    )
    state = models.CharField(max_length=10, choices=State, default=State.RECEIVED)
    reason = models.CharField(max_length=300, blank=True)
    received_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    confirmed_api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    byte_offset = models.PositiveBigIntegerField(default=0)
    lines_read = models.PositiveIntegerField(default=0)
    apply_cursor = models.CharField(max_length=16, blank=True)

    # Counts of the preview.
    will_add = models.PositiveIntegerField(default=0)
    will_restore = models.PositiveIntegerField(default=0)
    will_change = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    non_us = models.PositiveIntegerField(default=0, help_text="Numbers to add that are outside the United States.")

    from_ranges = models.PositiveIntegerField(default=0, help_text="Numbers from cells that hold several numbers.")
    harmed = models.PositiveIntegerField(default=0, help_text="Lines with a label that could not be decoded.")

    # Counts of the result.
    added = models.PositiveIntegerField(default=0)
    restored = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Changed by somebody else after the preview.")

    attempts = models.PositiveSmallIntegerField(default=0)
    # When the last worker let go of it, or it was read anew. With the lease, it says since when it waits for a worker.
    waiting_since = models.DateTimeField(null=True, editable=False)
    has_rows = models.BooleanField(default=True)

    objects = NumberImportQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="import_by_account"),
            models.Index(
                fields=["state", "received_at"],
                name="import_unfinished",
                condition=Q(has_rows=True),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def confirming_actor(self) -> Actor:
        """The actor that audit events name when a worker applies the import."""
        via = "web" if self.confirmed_by_id else "api" if self.confirmed_api_key_id else "task"
        return Actor(user=self.confirmed_by, via=via, api_key_id=self.confirmed_api_key_id)

    @property
    def is_in_progress(self) -> bool:
        return self.state in self.IN_PROGRESS

    @property
    def is_applying(self) -> bool:
        return self.state == self.State.APPLYING

    @property
    def can_be_cancelled(self) -> bool:
        return self.state in self.UNCONFIRMED

    @property
    def total_count(self) -> int:
        """How many numbers confirming the import adds, restores or changes."""
        return self.will_add + self.will_restore + self.will_change

    @property
    def processed_count(self) -> int:
        """How many of these were applied or skipped so far."""
        return self.added + self.restored + self.changed + self.skipped

    @property
    def progress_value(self) -> int:
        """For the progress bar, of `progress_max`: bytes while the file is read, numbers while it is applied."""
        return self.processed_count if self.is_applying else self.byte_offset

    @property
    def progress_max(self) -> int:
        return max(self.total_count if self.is_applying else self.table_size or self.size, 1)


class ColumnChoice(models.Model):
    """The columns that an account chose for a file with these headings. The next such file is read likewise."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    headings_hash = models.CharField(max_length=64)
    columns = models.JSONField()
    chosen_at = models.DateTimeField()

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "headings_hash"], name="import_columns_once"),
        ]

    def __str__(self) -> str:
        return self.headings_hash


class ImportRow(models.Model):
    """A number in a line of the file: what the import does with it, or why it is refused.

    A line has one row, or several if its cell holds a range or several numbers.

    `label`, `source` and `campaign` are the new values, `previous_...` those at the time of the preview. A number that
    somebody else changed since then is skipped.
    """

    class Outcome(models.TextChoices):
        NEW = "new", "New"
        RESTORED = "back", "Comes back"
        CHANGED = "changed", "Changed"
        UNCHANGED = "unchanged", "Unchanged"
        REFUSED = "refused", "Refused"
        SKIPPED = "left_alone", "Left alone"

    number_import = models.ForeignKey(NumberImport, models.CASCADE, related_name="rows", db_index=False)
    line = models.PositiveIntegerField()
    part = models.PositiveSmallIntegerField(default=0, help_text="From 1 if the cell holds several numbers.")
    outcome = models.CharField(max_length=10, choices=Outcome)
    raw_text = models.CharField(
        max_length=80, blank=True, help_text="The cell of a refused line, or of several numbers."
    )
    reason = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="What is wrong with a line that is not refused.")
    # NULL for a line without a number. A partial unique index would do too, but fewer queries could use it.
    e164 = models.CharField(max_length=16, null=True)  # noqa: DJ001
    region = models.CharField(max_length=3, blank=True)
    kind = models.CharField(max_length=20, blank=True)
    area_code = models.CharField(max_length=3, blank=True)
    label = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=6, choices=PhoneNumber.Source, blank=True)
    campaign = models.ForeignKey(Campaign, models.SET_NULL, null=True, related_name="+", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, null=True, related_name="+", db_index=False)
    previous_label = models.CharField(max_length=80, blank=True)
    previous_source = models.CharField(max_length=6, choices=PhoneNumber.Source, blank=True)
    previous_campaign_id = models.PositiveBigIntegerField(null=True)

    # Set by preview.get_outcome_groups.
    previous_campaign: Campaign | None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number_import", "line", "part"], name="import_line_part_once"),
            models.UniqueConstraint(fields=["number_import", "e164"], name="import_number_once"),
        ]
        indexes = [
            models.Index(fields=["number_import", "outcome", "line"], name="import_by_outcome"),
            models.Index(fields=["number"], name="import_of_number", condition=Q(number__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Line {self.line}: {self.outcome}"

    @property
    def country(self) -> str:
        """The country or territory of a number outside the States; empty otherwise."""
        return "" if self.region == "US" else country_name(self.region)

    @property
    def changes_label(self) -> bool:
        return self.outcome == self.Outcome.CHANGED and self.label != self.previous_label

    @property
    def changes_source(self) -> bool:
        return self.outcome == self.Outcome.CHANGED and self.source != self.previous_source

    @property
    def changes_campaign(self) -> bool:
        return self.outcome == self.Outcome.CHANGED and self.campaign_id != self.previous_campaign_id
