"""Consumers' complaints to the FCC about calls from a number, as the FCC's data service counts them.

They belong to no account: every account that monitors the number sees them. They are unverified, and a number can be
spoofed. The service is asked about a number once for each version of its data.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Exists, Max, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from portal.models import Claimable
from reputation.models.numbers import PhoneNumber


class FccDataset(Claimable):
    """The state of the FCC's data service; one row. Its claim is that of the question for a newer version."""

    id = models.CharField(max_length=20, primary_key=True)
    is_enabled = models.BooleanField(
        "ask the FCC",
        default=True,
        help_text="Asking tells the FCC which numbers are monitored. If this is off, nothing is sent, and pages show "
        "nothing of the FCC's complaints.",
    )
    # `rowsUpdatedAt` of the service, in seconds since 1970: the version of its data. 0: not known yet.
    rows_updated_at = models.BigIntegerField(default=0, editable=False)
    checked_at = models.DateTimeField("asked for a newer version", null=True, editable=False)
    # Failures since the last answer that could be used.
    failures = models.PositiveIntegerField("failures in a row", default=0, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)
    last_failure = models.CharField(max_length=300, blank=True, editable=False)
    # The service is not asked before this time. Null: it may be asked now.
    next_action_at = models.DateTimeField("not asked before", null=True, editable=False)
    # The requests since `hour_started_at`, of all workers (see reputation/fcc/dataset.py:take_request).
    hour_started_at = models.DateTimeField(null=True, editable=False)
    requests_in_hour = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "FCC complaint data"

    def __str__(self) -> str:
        return f"FCC complaint data ({self.pk})"

    @property
    def updated_at(self) -> datetime | None:
        return version_time(self.rows_updated_at) if self.rows_updated_at else None

    @classmethod
    def is_on(cls) -> bool:
        """Whether the FCC is asked, and its complaints count. One query; none if a setting turns it off."""
        return settings.FCC.fetch and not cls.objects.filter(is_enabled=False).exists()

    def may_be_asked(self, now: datetime) -> bool:
        return self.is_enabled and (self.next_action_at is None or self.next_action_at <= now)


class FccNumberQuerySet(models.QuerySet["FccNumber"]):
    def waiting_for(self, version: int) -> FccNumberQuerySet:
        """The numbers that some account monitors and that were not asked about with this version of the data."""
        monitored = PhoneNumber.objects.looked_up().filter(e164=OuterRef("e164"))
        other_version = Q(rows_updated_at__lt=version) | Q(rows_updated_at__gt=version)
        return self.filter(other_version, Exists(monitored))

    def asked(self) -> FccNumberQuerySet:
        return self.filter(asked_at__isnull=False)

    def with_counts(self, *, since: date) -> FccNumberQuerySet:
        """Adds the sums of each number: complaints, those after the day `since`, the last one, and spoofing reports."""
        rows = FccComplaintCount.objects.filter(number=OuterRef("pk")).order_by().values("number")
        complaints, spoofing = rows.filter(is_spoofing_report=False), rows.filter(is_spoofing_report=True)
        days = FccComplaintDay.objects.filter(number=OuterRef("pk"), day__gt=since).order_by().values("number")
        return self.annotate(
            complaints=Coalesce(Subquery(complaints.annotate(sum=Sum("count")).values("sum")), 0),
            recent_complaints=Coalesce(Subquery(days.annotate(sum=Sum("count")).values("sum")), 0),
            last_on=Subquery(complaints.annotate(last=Max("last_day")).values("last")),
            spoofing_reports=Coalesce(Subquery(spoofing.annotate(sum=Sum("count")).values("sum")), 0),
        )


class FccNumber(Claimable):
    """A number that the FCC's data service is, or was, asked about."""

    e164 = models.CharField("number", max_length=16, unique=True)
    # The version of the data that the counts are from. 0: not asked yet.
    rows_updated_at = models.BigIntegerField(default=0)
    asked_at = models.DateTimeField(null=True)
    # Questions about this number that failed since the last answer. The next one names fewer numbers.
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = FccNumberQuerySet.as_manager()

    class Meta:
        # The order in which numbers are asked about: those of a failed batch last, those without an answer first.
        indexes = [models.Index(fields=["attempts", "rows_updated_at", "id"], name="fcc_number_waiting")]

    def __str__(self) -> str:
        return self.e164

    @property
    def updated_at(self) -> datetime | None:
        """When the FCC updated the data that the counts are from. None if the number was not asked about."""
        return version_time(self.rows_updated_at) if self.rows_updated_at else None


class FccComplaintCount(models.Model):
    """The complaints of one kind about a number, over all years. Kinds have the FCC's own words."""

    number = models.ForeignKey(FccNumber, models.CASCADE, related_name="counts", db_index=False)
    issue = models.CharField(max_length=120, blank=True)
    call_type = models.CharField(max_length=120, blank=True)
    # A report of the number's owner that others spoof it: the owner is the victim, so it is no complaint.
    is_spoofing_report = models.BooleanField()
    count = models.PositiveIntegerField()
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["number", "issue", "call_type"], name="fcc_kind_once")]

    def __str__(self) -> str:
        return f"{self.count} × {self.issue}"


class FccComplaintDay(models.Model):
    """The complaints of one day about a number, for the days of the window. Without reports of spoofing."""

    number = models.ForeignKey(FccNumber, models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["number", "day"], name="fcc_day_once")]

    def __str__(self) -> str:
        return f"{self.count} on {self.day}"


def version_time(rows_updated_at: int) -> datetime:
    """The time that a version of the data stands for."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=rows_updated_at)
