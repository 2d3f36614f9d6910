"""Webhook endpoints, the messages sent to them, and the record of each delivery."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.db.encrypted_fields import EncryptedCharField
from portal.models.accounts import Account, AccountQuerySet, User
from portal.models.jobs import Claimable


class WebhookEndpointQuerySet(AccountQuerySet["WebhookEndpoint"]):
    def subscribed_to(self, event_type: str) -> WebhookEndpointQuerySet:
        """Endpoints that receive this event type, including paused ones, whose deliveries wait."""
        # A test checks that no event type is a substring of another.
        return self.filter(event_types__contains=event_type)

    def mail_due(self, now: datetime) -> WebhookEndpointQuerySet:
        return self.filter(mail_due_at__lte=now)


class WebhookEndpoint(Claimable):
    """An address that receives the selected event types. A paused endpoint receives its events once it is resumed."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    account = models.ForeignKey(Account, models.CASCADE, related_name="webhook_endpoints")
    url = models.CharField("address", max_length=500)
    description = models.CharField(max_length=80, blank=True)
    event_types = models.CharField(
        max_length=300, help_text="Space-separated types from portal.webhooks.events.EVENT_TYPES."
    )
    # Signs each request. After a replacement the previous secret signs as well, until it expires.
    secret = EncryptedCharField(max_length=300)
    previous_secret = EncryptedCharField(max_length=300, blank=True)
    previous_secret_expires_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    state_since = models.DateTimeField()
    pause_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    # Failures since the last success, the time of the first of them, and when the next attempt is allowed.
    consecutive_failures = models.PositiveSmallIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    backoff_until = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    last_summary = models.CharField(max_length=300, blank=True)
    # The mail about an endpoint that was paused after failures: when it is due, and how often sending was tried.
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
    def uses_https(self) -> bool:
        return self.url.lower().startswith("https:")

    @property
    def event_type_list(self) -> list[str]:
        return self.event_types.split()

    def get_signing_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secret, and the previous one until it expires. One that no key decrypts is empty, and cannot sign."""
        is_valid = self.previous_secret_expires_at is not None and self.previous_secret_expires_at > now
        if is_valid and self.previous_secret:
            return (self.secret, self.previous_secret)
        return (self.secret,)


class WebhookMessage(models.Model):
    """An event as it is sent. The payload is written once, with the change, so every delivery sends the same bytes."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    type = models.CharField(max_length=30)
    at = models.DateTimeField()
    # Messages with the same key are delivered in order: a number's id, 0 for the enrollment, null for no order.
    ordering_key = models.BigIntegerField(null=True)
    # Random, shared by the messages of one statement. With the primary key it forms the event id.
    batch = models.CharField(max_length=16, db_index=True)
    payload = models.TextField()

    objects = AccountQuerySet.as_manager()

    def __str__(self) -> str:
        return self.event_id

    @property
    def event_id(self) -> str:
        """The `webhook-id` header. All deliveries of a message have the same one, so receivers can drop duplicates."""
        return f"msg_{self.batch}{self.pk}"


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def for_account(self, account: Account | int) -> WebhookDeliveryQuerySet:
        return self.filter(endpoint__account=account)

    def pending(self) -> WebhookDeliveryQuerySet:
        return self.filter(state=WebhookDelivery.State.PENDING)

    def ready(self, now: datetime) -> WebhookDeliveryQuerySet:
        """Pending deliveries that are due and whose endpoint is neither paused nor backing off.

        Manual deliveries ignore the endpoint's state. Ordering is not considered; see `due`.
        """
        backoff_over = Q(endpoint__backoff_until__isnull=True) | Q(endpoint__backoff_until__lte=now)
        endpoint_ready = Q(endpoint__state=WebhookEndpoint.State.ACTIVE) & backoff_over
        return self.pending().filter(Q(is_manual=True) | endpoint_ready, next_action_at__lte=now)

    def due(self, now: datetime) -> WebhookDeliveryQuerySet:
        """Ready deliveries without an earlier pending one of the same ordering key and endpoint."""
        earlier = WebhookDelivery.objects.pending().filter(
            endpoint=OuterRef("endpoint"), ordering_key=OuterRef("ordering_key"), pk__lt=OuterRef("pk")
        )
        return self.ready(now).filter(~Exists(earlier))


class WebhookDelivery(Claimable):
    """The delivery of one message to one endpoint; it stays pending until the receiver accepts it.

    A manual delivery was requested by a person. It is tried once and ignores the order.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    message = models.ForeignKey(WebhookMessage, models.CASCADE, related_name="deliveries")
    ordering_key = models.BigIntegerField(null=True)
    is_manual = models.BooleanField(default=False)
    requested_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    last_summary = models.CharField(max_length=300, blank=True)

    # When the next attempt is due (null: none), and the lease of the worker that makes it.
    next_action_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["endpoint", "id"], name="delivery_by_endpoint"),
            models.Index(fields=["endpoint", "state", "id"], name="delivery_by_state"),
            models.Index(
                fields=["endpoint", "next_action_at", "id"], name="delivery_due", condition=Q(state="pending")
            ),
            models.Index(
                fields=["endpoint", "ordering_key", "id"], name="delivery_in_order", condition=Q(state="pending")
            ),
            models.Index(fields=["ended_at"], name="delivery_prunable", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk}"

    @property
    def is_pending(self) -> bool:
        return self.state == self.State.PENDING


class WebhookAttempt(models.Model):
    """One request to a receiver: its status code (null: no response), the outcome in words, and how long it took."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="attempt_log")
    at = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True)
    summary = models.CharField(max_length=300)
    duration_ms = models.PositiveIntegerField()
    response_body = models.TextField(blank=True, help_text="The beginning of the response's body.")

    def __str__(self) -> str:
        return self.summary
