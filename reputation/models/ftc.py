"""The FTC's page that lists its complaint files, and the files on it: what became of each, and what is due."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from portal.models import Claimable
from reputation.models.complaints import ComplaintFile


class FtcIndexPage(Claimable):
    """The page with the links. There is one row for each address that was configured."""

    url = models.CharField(max_length=500, unique=True)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=200, blank=True)
    last_read_at = models.DateTimeField(null=True, help_text="When the links were last read, or known to be the same.")
    problem = models.CharField(max_length=300, blank=True, help_text="Why the last attempt failed.")
    attempts = models.PositiveIntegerField(default=0, help_text="Since the page was last read.")
    next_action_at = models.DateTimeField()
    quiet_until = models.DateTimeField(null=True, help_text="No request to the site before: a pause, or its wish.")

    def __str__(self) -> str:
        return self.url


class FtcFileQuerySet(models.QuerySet["FtcFile"]):
    def due(self, now: datetime) -> FtcFileQuerySet:
        return self.filter(next_action_at__lte=now)

    def loaded(self) -> FtcFileQuerySet:
        return self.filter(state=FtcFile.State.LOADED)

    def not_loaded(self) -> FtcFileQuerySet:
        return self.exclude(state=FtcFile.State.LOADED)


class FtcFile(Claimable):
    """A file that the FTC's page lists or listed. A corrected file of the same day has another name."""

    class State(models.TextChoices):
        WAITING = "waiting", "Not fetched yet"
        LOADED = "loaded", "Loaded"
        NO_FILE = "no_file", "Something else than a complaint file"
        TRUNCATED = "truncated", "Cut off"
        MISSING = "missing", "Not found"
        FAILED = "failed", "Cannot be fetched"

    name = models.CharField(max_length=200, unique=True)
    day = models.DateField()
    url = models.CharField(max_length=500)
    is_listed = models.BooleanField(default=True, help_text="By the page when it was last read.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    problem = models.CharField(max_length=300, blank=True, help_text="Why it is not loaded.")
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the content that was fetched last.")
    attempts = models.PositiveIntegerField(default=0)
    # Null if the file is loaded, or has left the page.
    next_action_at = models.DateTimeField(null=True)
    loaded_at = models.DateTimeField(null=True)
    complaint_file = models.ForeignKey(ComplaintFile, models.SET_NULL, null=True, related_name="published_as")

    objects = FtcFileQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
