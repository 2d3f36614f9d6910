"""Connections to vendors, what each provider does for each engine, and which engine labels whose calls."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.db.encrypted_fields import EncryptedJSONField
from portal.models import Account
from reputation.models.engines import Engine


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def active(self) -> ConnectionQuerySet:
        return self.filter(is_active=True)


class Connection(models.Model):
    """A way to reach a vendor through a provider: the operator's, for every account, or an account's own.

    `sync_engines` adds the operator's connection of each provider in use. An account's own connection takes the place
    of the operator's for that account.
    """

    provider = models.CharField(max_length=40)
    account = models.ForeignKey(
        Account, models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: the operator's."
    )
    # Encrypted, because keys of vendors are among them.
    settings = EncryptedJSONField(default=dict, blank=True, help_text="What the provider needs to know, by name.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "account"], name="connection_once_in_account"),
            models.UniqueConstraint(
                fields=["provider"], condition=Q(account__isnull=True), name="connection_once_of_operator"
            ),
        ]
        ordering = ["provider", "pk"]

    def __str__(self) -> str:
        return f"{self.provider} ({self.account or 'operator'})"


class CircuitBreaker(models.Model):
    """A failing operation of a connection. It is not called before `retry_at`; the next success deletes the row."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="circuit_breakers", db_index=False)
    operation = models.CharField(max_length=10)
    failures = models.PositiveSmallIntegerField(default=1, help_text="Consecutive failures.")
    opened_at = models.DateTimeField()
    retry_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "operation"], name="outage_once")]

    def __str__(self) -> str:
        return f"{self.connection}, {self.operation}: {self.reason}"


class EngineRole(models.Model):
    """What a provider does for an engine: several may look up or observe, one registers, and one remediates.

    `sync_engines` assigns the roles that providers declare. Which provider registers or remediates is kept once it is
    assigned, because an operator may choose another.
    """

    class Role(models.TextChoices):
        LOOK_UP = "look_up", "Looks up"
        REGISTER = "register", "Registers"
        REMEDIATE = "remediate", "Remediates"
        OBSERVE = "observe", "Observes"

    # One provider of each engine has such a role. All that look up or observe do so.
    EXCLUSIVE = (Role.REGISTER, Role.REMEDIATE)

    engine = models.ForeignKey(Engine, models.CASCADE, related_name="roles", db_index=False)
    provider = models.CharField(max_length=40)
    role = models.CharField(max_length=10, choices=Role)
    evidence = models.CharField(max_length=15, blank=True, help_text="What the provider's answers are based on.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["engine", "provider", "role"], name="engine_role_once"),
            models.UniqueConstraint(
                fields=["engine", "role"],
                condition=Q(role__in=("register", "remediate")),
                name="engine_role_one_provider",
            ),
        ]
        ordering = ["engine", "role", "provider"]

    def __str__(self) -> str:
        return f"{self.provider} {self.get_role_display().lower()} {self.engine}"


class CarrierEngine(models.Model):
    """Which engine labels the calls that a carrier's telephones show. Sources disagree, so operators may correct it."""

    carrier = models.CharField(max_length=60)
    device = models.CharField(max_length=60, blank=True, help_text="The make, if the engine serves only that.")
    engine = models.ForeignKey(Engine, models.CASCADE, related_name="served_carriers")
    source = models.CharField(max_length=300, help_text="Where this was read.")
    read_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["carrier", "device"], name="carrier_engine_once")]
        ordering = ["carrier", "device"]

    def __str__(self) -> str:
        return f"{self.carrier or 'Any carrier'}{f' on {self.device}' if self.device else ''}: {self.engine}"
