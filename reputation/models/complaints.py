"""Consumers' complaints to the FTC about calls from a number: unverified claims, since a number can be spoofed."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class ComplaintFile(models.Model):
    """A file of complaints that was taken in; known by its content, whatever it is called."""

    sha256 = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    begun_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    rows = models.PositiveIntegerField(default=0)
    taken = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class ComplaintQuerySet(models.QuerySet):
    def about(self, e164: str) -> ComplaintQuerySet:
        return self.filter(e164=e164).order_by("-created_at", "-pk")

    def counting_since(self, moment: datetime) -> ComplaintQuerySet:
        return self.filter(counts_from__gt=moment)


class Complaint(models.Model):
    """One row of an FTC file. Complaints belong to no account: whoever monitors the number sees them."""

    e164 = models.CharField("number", max_length=16)
    created_at = models.DateTimeField()
    # created_at on the service's clock, by which it ages out; equal to it in production, where a day is a day.
    counts_from = models.DateTimeField()
    violated_at = models.DateTimeField(null=True)
    city = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=40, blank=True)
    area_code = models.CharField(max_length=10, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    # A recorded message or robocall; null where the consumer did not say.
    robocall = models.BooleanField(null=True)
    file = models.ForeignKey(ComplaintFile, models.CASCADE, related_name="complaints")
    # The whole row in short, and which of several equal rows of a file it is: rows carry no id of their own.
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
