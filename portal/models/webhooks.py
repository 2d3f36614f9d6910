"""Where an account wants to be told, what it is told, and how the telling went."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.models import Account, AccountQuerySet, User


class WebhookEndpointQuerySet(AccountQuerySet):
    def wanting(self, event_type: str) -> WebhookEndpointQuerySet:
        """Those that are told of this type, paused ones included: what they miss goes out when they are resumed."""
        return self.filter(event_types__contains=event_type)  # no type is a part of another, which a test sees to

    def mail_due(self, now: datetime) -> WebhookEndpointQuerySet:
        return self.filter(mail_due_at__lte=now)


class WebhookEndpoint(models.Model):
    """An address that is told of some types of events. Paused, it is told nothing, and misses nothing."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    account = models.ForeignKey(Account, models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField("address", max_length=500)
    description = models.CharField(max_length=80, blank=True)
    event_types = models.CharField(max_length=300, help_text="Of portal.webhooks.events.EVENT_TYPES, with spaces.")
    # Signs what is sent. While a new one is brought to the receiver, the former signs too.
    secret = models.CharField(max_length=80)
    previous_secret = models.CharField(max_length=80, blank=True)
    previous_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    state_since = models.DateTimeField()
    paused_because = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    # How often in a row it did not take what was sent, since when, and until when it is left in peace.
    failures = models.PositiveSmallIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    last_said = models.CharField(max_length=300, blank=True)
    # The mail that says that it was paused: when it is to be handed in, and how often that was tried.
    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["mail_due_at"], name="webhook_mail_due", condition=Q(mail_due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def is_paused(self) -> bool:
        return self.state == self.State.PAUSED

    @property
    def is_encrypted(self) -> bool:
        return self.url.lower().startswith("https:")

    @property
    def types(self) -> list[str]:
        return self.event_types.split()

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """What signs at this moment: the secret, and the former one while it is being replaced."""
        both = self.previous_until is not None and self.previous_until > now
        return (self.secret, self.previous_secret) if both else (self.secret,)


class WebhookMessage(models.Model):
    """Something that happened, as it is told: the payload is written with the change and never again, so that every
    delivery sends the same bytes."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    type = models.CharField(max_length=30)
    at = models.DateTimeField()
    # What is told of the same thing goes out in order: a number's id, 0 for the enrollment, null for what has no order.
    lane = models.BigIntegerField(null=True)
    # What was written by one statement; with the row's own number, the message's id.
    batch = models.CharField(max_length=16, db_index=True)
    payload = models.TextField()

    objects = AccountQuerySet.as_manager()

    def __str__(self) -> str:
        return self.event_id

    @property
    def event_id(self) -> str:
        """The `webhook-id`: the same however often the message is sent, so that a receiver can tell."""
        return f"msg_{self.batch}{self.pk}"


class WebhookDeliveryQuerySet(models.QuerySet):
    def for_account(self, account: Account | int) -> WebhookDeliveryQuerySet:
        return self.filter(endpoint__account=account)

    def pending(self) -> WebhookDeliveryQuerySet:
        return self.filter(state=WebhookDelivery.State.PENDING)

    def in_time(self, now: datetime) -> WebhookDeliveryQuerySet:
        """Those whose time has come, at endpoints that are neither paused nor resting; what a person asked for is sent
        all the same. They may have to wait for others still: see `due`."""
        rested = Q(endpoint__rests_until__isnull=True) | Q(endpoint__rests_until__lte=now)
        told = Q(endpoint__state=WebhookEndpoint.State.ACTIVE) & rested
        return self.pending().filter(Q(once=True) | told, next_action_at__lte=now)

    def due(self, now: datetime) -> WebhookDeliveryQuerySet:
        """Those that may be sent now: nothing earlier of their lane is still to be delivered to the endpoint."""
        earlier = WebhookDelivery.objects.pending().filter(
            endpoint=OuterRef("endpoint"), lane=OuterRef("lane"), pk__lt=OuterRef("pk")
        )
        return self.in_time(now).filter(~Exists(earlier))


class WebhookDelivery(models.Model):
    """One message on its way to one endpoint. `once`: a person asked for it, and looks at what comes of it; it is tried
    a single time, in no order. Every other stays pending until it is delivered."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    message = models.ForeignKey(WebhookMessage, models.CASCADE, related_name="deliveries")
    lane = models.BigIntegerField(null=True)
    once = models.BooleanField(default=False)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    last_said = models.CharField(max_length=300, blank=True)

    # When it is to be sent (null: not any more), and who is at it.
    next_action_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["endpoint", "id"], name="delivery_by_endpoint"),
            models.Index(fields=["endpoint", "state", "id"], name="delivery_by_state"),
            models.Index(
                fields=["endpoint", "next_action_at", "id"], name="delivery_due", condition=Q(state="pending")
            ),
            models.Index(fields=["endpoint", "lane", "id"], name="delivery_in_lane", condition=Q(state="pending")),
            models.Index(fields=["ended_at"], name="delivery_prunable", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"

    @property
    def is_pending(self) -> bool:
        return self.state == self.State.PENDING


class WebhookAttempt(models.Model):
    """One exchange with a receiver: what it answered (no status: nothing), in words, and how long it took."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="tried")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    said = models.CharField(max_length=300)
    duration_ms = models.PositiveIntegerField()
    answer = models.TextField(blank=True, help_text="The beginning of what it answered.")

    def __str__(self) -> str:
        return self.said
