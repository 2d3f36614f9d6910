"""The application: a filled enrollment form, from draft to decision."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from portal.models import Account, AccountQuerySet


class ApplicationQuerySet(AccountQuerySet):
    def approved(self) -> ApplicationQuerySet:
        return self.filter(state=Application.State.APPROVED)


class Application(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Under review"
        MORE_INFORMATION = "more_information", "More information wanted"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        REVOKED = "revoked", "Revoked"

    account = models.ForeignKey(Account, models.CASCADE, related_name="applications")
    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ApplicationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Application {self.pk} of {self.account}"
