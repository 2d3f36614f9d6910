"""The audit trail's rows."""

from __future__ import annotations

from django.db import models

from portal.models.accounts import Account, AccountQuerySet, User
from portal.models.api import ApiKey


class AuditEvent(models.Model):
    """One thing that was changed: who, what, when, before, after, from where. Rows are only ever added.

    Set-based changes write theirs with `audit.record_changes`, one row for each changed object.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="audit_events", db_index=False)
    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    via = models.CharField(max_length=10)
    # By the API: with which key. Nobody looks events up by it, so it has no index.
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", db_index=False)
    what = models.CharField(max_length=40)
    subject = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    subject_label = models.CharField(max_length=120, blank=True)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="audit_by_account"),
            models.Index(fields=["account", "subject", "subject_id", "id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.subject_label}"
