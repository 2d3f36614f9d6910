"""Consumers' complaints to the FTC about calls from a number. They are unverified, and a number can be spoofed."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class ComplaintFile(models.Model):
    """A loaded file of complaints, identified by its content.

    Rows are loaded, skipped, or in another file already.
    """

    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    day = models.DateField(null=True, help_text="The day in the file's name.")
    started_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    row_count = models.PositiveIntegerField(default=0)
    loaded_count = models.PositiveIntegerField(default=0)
    # Null for files that were loaded before it was counted.
    skipped_count = models.PositiveIntegerField(null=True)
    skipped = models.JSONField(default=dict, help_text="By reason: how many rows, and the first lines.")

    def __str__(self) -> str:
        return self.name

    @property
    def duplicate_count(self) -> int | None:
        return None if self.skipped_count is None else self.row_count - self.loaded_count - self.skipped_count


class ComplaintQuerySet(models.QuerySet["Complaint"]):
    def for_number(self, e164: str) -> ComplaintQuerySet:
        return self.filter(e164=e164).order_by("-created_at", "-pk")

    def counting_since(self, moment: datetime) -> ComplaintQuerySet:
        return self.filter(counts_from__gt=moment)


class Complaint(models.Model):
    """One row of an FTC file. It belongs to no account: every account that monitors the number sees it."""

    e164 = models.CharField("number", max_length=16)
    created_at = models.DateTimeField()
    # created_at on the service's clock, by which the complaint expires. Equal to created_at in production.
    counts_from = models.DateTimeField()
    violated_at = models.DateTimeField(null=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=40, blank=True)
    area_code = models.CharField(max_length=10, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    # A recorded message or is_robocall; null where the consumer did not say.
    is_robocall = models.BooleanField(null=True)
    file = models.ForeignKey(ComplaintFile, models.CASCADE, related_name="complaints")
    # A hash of the complaint (complaint_rows.get_fingerprint), and its index among the equal rows of a file. Rows have
    # no id of their own.
    fingerprint = models.UUIDField()
    occurrence = models.PositiveIntegerField()

    objects = ComplaintQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fingerprint", "occurrence"], name="complaint_once")]
        indexes = [
            models.Index(fields=["e164", "counts_from"], name="complaint_by_number"),
            models.Index(fields=["counts_from"], name="complaint_prunable"),
        ]

    def __str__(self) -> str:
        return f"{self.subject or 'Complaint'} about {self.e164}"
