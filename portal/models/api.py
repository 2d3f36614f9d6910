"""API keys, their usage, and stored responses to writes with an Idempotency-Key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.accounts import Account, AccountQuerySet, User


class ApiKeyQuerySet(AccountQuerySet["ApiKey"]):
    def mail_due(self, now: datetime) -> Self:
        """Keys whose account's owners are to be mailed that they expire soon."""
        return self.filter(mail_due_at__lte=now)


class ApiKey(models.Model):
    """A key with which another system calls the API. Only a hash of its secret is stored; see portal.accounts.api_keys.

    Keys are revoked and never deleted, so the audit trail can still name them.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(
        max_length=12, unique=True, help_text="The part of the token by which the key is looked up."
    )
    secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret, as hex.")
    scopes = models.CharField(max_length=80, help_text="Space-separated codes from roles.API_SCOPES.")
    created_at = models.DateTimeField(default=timezone.now)
    # Empty: a command made it. Protected, because the key of a deleted person would look like that.
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    taken_over_by = models.ForeignKey(
        User, models.SET_NULL, null=True, related_name="+", help_text="Who answers for the key in place of its maker."
    )
    # Empty only for keys that the previous release makes during an upgrade, until the next run of the task.
    expires_at = models.DateTimeField(null=True)
    allowed_networks = models.TextField(
        blank=True, default="", db_default="", help_text="Space-separated, as 203.0.113.0/24. Empty: all."
    )
    form_token = models.UUIDField(null=True, help_text="The form that made it, so that it makes one.")
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    # The last warning (days before it expires), and its mail: when it is due, and how often writing it was tried.
    warned_days = models.PositiveSmallIntegerField(null=True)
    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "form_token"], name="api_key_once_for_form")]
        indexes = [
            models.Index(fields=["mail_due_at"], name="api_key_mail_due", condition=Q(mail_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name} (nrp_{self.prefix})"

    @property
    def holder(self) -> User | None:
        """Who answers for the key. None: a command made it."""
        return self.taken_over_by or self.created_by

    @property
    def scope_list(self) -> list[str]:
        return self.scopes.split()

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class ApiUsage(models.Model):
    """How many requests a key made in the current minute.

    Each process adds its count about once a second. There is one row per key and policy; a new minute overwrites it.
    """

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    policy = models.CharField(max_length=12)
    minute = models.BigIntegerField(help_text="Minutes since the Unix epoch.")
    request_count = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "policy"], name="api_usage_once")]

    def __str__(self) -> str:
        return f"{self.policy}: {self.request_count}"


class IdempotentResponse(models.Model):
    """The stored response to a write with an Idempotency-Key. Without `completed_at` the request is in progress."""

    RETENTION = timedelta(hours=24)

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the method, path and body.")
    started_at = models.DateTimeField()
    claim_token = models.CharField(max_length=32, help_text="Identifies the request that is being processed.")
    completed_at = models.DateTimeField(null=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "idempotency_key"], name="idempotent_response_once")]
        indexes = [models.Index(fields=["started_at"], name="idempotent_response_prunable")]

    def __str__(self) -> str:
        return f"{self.idempotency_key}: {self.status_code or 'in progress'}"
