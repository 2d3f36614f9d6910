"""API keys, their use, and the answers kept for repeated requests."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone

from portal.models.accounts import Account, AccountQuerySet, User


class ApiKey(models.Model):
    """What another system calls the API with. Only a hash of its secret is kept; see portal.api_keys.

    Keys are revoked and never deleted, so that the audit trail goes on naming them.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True, help_text="The part of the token by which it is found.")
    secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret, as hex.")
    scopes = models.CharField(max_length=80, help_text="Of api_keys.SCOPES, with spaces.")
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = AccountQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} (nrp_{self.prefix})"

    @property
    def scope_list(self) -> list[str]:
        return self.scopes.split()

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class ApiUsage(models.Model):
    """How many requests a key made in a minute: each process adds what it counted, about once a second.

    One row for a key and a policy; a later minute takes the place of the former.
    """

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    policy = models.CharField(max_length=12)
    minute = models.BigIntegerField(help_text="Which minute since 1970.")
    used = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "policy"], name="api_use_once")]

    def __str__(self) -> str:
        return f"{self.policy}: {self.used}"


class IdempotentResponse(models.Model):
    """What a write with an Idempotency-Key was answered; without `answered_at` it is still being worked on."""

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the method, the address and the body.")
    begun_at = models.DateTimeField()
    token = models.CharField(max_length=32, help_text="Who works on it.")
    answered_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "idempotency_key"], name="api_answer_once")]
        indexes = [models.Index(fields=["begun_at"], name="api_answer_prunable")]

    def __str__(self) -> str:
        return f"{self.idempotency_key}: {self.status or 'not answered yet'}"
