"""Reports of labels: what people say a called telephone showed."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models import Account, AccountQuerySet, User
from portal.phone.networks import get_network
from reputation.models.numbers import PhoneNumber
from reputation.models.test_calls import LabelPhoto


class LabelReportQuerySet(AccountQuerySet):
    def open(self) -> LabelReportQuerySet:
        return self.filter(state=LabelReport.State.OPEN)


class LabelReport(models.Model):
    """A person says that a called telephone showed a label: "showed Scam Likely". The network may be unknown."""

    class State(models.TextChoices):
        OPEN = "open", "Not confirmed"
        CONFIRMED = "confirmed", "Confirmed"
        DISMISSED = "dismissed", "Dismissed"

    class ConfirmedBy(models.TextChoices):
        TEST_CALL = "test_call", "A test call showed a label"
        SECOND_PERSON = "second_person", "A second called person reported it"
        MEMBER = "member", "An owner or admin confirmed it"

    account = models.ForeignKey(Account, models.CASCADE, related_name="label_reports", db_index=False)
    number = models.ForeignKey(PhoneNumber, models.CASCADE, related_name="label_reports", db_index=False)
    label = models.CharField(max_length=80)
    # As it was typed, and the network that it means.
    carrier = models.CharField("network", max_length=60, blank=True, help_text="Empty: not known.")
    network = models.CharField(max_length=60, blank=True, editable=False)
    called_e164 = models.CharField("called number", max_length=16, blank=True)
    photo = models.ForeignKey(LabelPhoto, models.SET_NULL, null=True, related_name="+")
    reported_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # When the label was shown; on a day before the report: the end of that day.
    seen_at = models.DateTimeField(default=timezone.now)
    reported_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    state_since = models.DateTimeField()
    confirmed_by = models.CharField(max_length=15, choices=ConfirmedBy, blank=True)

    objects = LabelReportQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "state", "reported_at"], name="label_report_by_state"),
            models.Index(fields=["number", "reported_at"], name="label_report_by_number"),
            models.Index(fields=["reported_at"], name="label_report_called", condition=~Q(called_e164="")),
        ]

    def __str__(self) -> str:
        return f"{self.number} showed {self.label}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.network = self.network or get_network(self.carrier)
        super().save(*args, **kwargs)
