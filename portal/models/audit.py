"""The audit trail."""

from __future__ import annotations

from django.db import models

from portal.models.accounts import Account, AccountQuerySet, User
from portal.models.api import ApiKey


class AuditEvent(models.Model):
    """One change to one object: who, what, when, before, after, from where. Rows are only added, never changed."""

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="audit_events", db_index=False)
    at = models.DateTimeField()
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    via = models.CharField(max_length=10)
    # The key of a request to the API. No query filters by it, so it has no index.
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", db_index=False)
    code = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    subject_label = models.CharField(max_length=120, blank=True)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="audit_by_account"),
            models.Index(fields=["account", "subject_type", "subject_id", "id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject_label}"
