"""The outbox: messages are written in the transaction of the change, so a change is sent if and only if it commits.

The audit trail calls `write_messages` for every change (see portal.apps).
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast, JSONObject

from portal.db.bulk import Source, insert_from
from portal.jobs.runner import enqueue
from portal.models import User, WebhookDelivery, WebhookEndpoint, WebhookMessage
from portal.webhooks.events import TEST_EVENT_TYPE, event_definitions

DELIVER_TASK = "portal.webhooks.tasks.deliver_webhooks"


def write_messages(changed: QuerySet, *, code: str, now: datetime, **change: Source) -> int:
    """Write a message for each changed row whose account has an endpoint for this event; return how many.

    `change` holds before, after and reason, as for audit.record_changes. The number of queries does not depend on the
    number of rows; it is one cheap query if no endpoint is subscribed to the event.
    """
    event = event_definitions.get(code)
    if event is None:
        return 0
    subscribed = WebhookEndpoint.objects.subscribed_to(event.type)
    if not subscribed.exists():
        return 0
    batch = secrets.token_hex(8)
    change_fields = {name: _as_text(change[name]) for name in event.change_fields}
    payload = JSONObject(
        type=_as_text(Value(event.type)),
        timestamp=_as_text(Value(format_timestamp(now))),
        data=JSONObject(account_id=F("account_id"), **event.data, **change_fields),
    )
    written = insert_from(
        WebhookMessage,
        changed.filter(account_id__in=subscribed.values("account_id")).order_by("pk"),
        account_id=F("account_id"),
        type=Value(event.type),
        at=Value(now),
        ordering_key=event.ordering_key,
        batch=Value(batch),
        payload=_as_text(payload),
    )
    if written:
        messages = WebhookMessage.objects.filter(batch=batch)
        create_deliveries(messages.filter(account__webhook_endpoints__event_types__contains=event.type), now)
        enqueue(DELIVER_TASK)
    return written


def create_deliveries(messages: QuerySet[WebhookMessage], now: datetime) -> int:
    """Create a delivery for each row of `messages`, which joins the endpoint that it is for; return how many."""
    return insert_from(
        WebhookDelivery,
        messages.order_by("pk"),
        message_id="pk",
        endpoint_id=F("account__webhook_endpoints__pk"),
        ordering_key="ordering_key",
        is_manual=Value(False),
        state=Value(WebhookDelivery.State.PENDING.value),
        created_at=Value(now),
        next_action_at=Value(now),
        last_summary=Value(""),
        lease_token=Value(""),
        attempts=Value(0),
    )


def create_test_delivery(endpoint: WebhookEndpoint, *, requested_by: User | None, now: datetime) -> WebhookDelivery:
    """Write a test message for this endpoint alone."""
    data = {"account_id": endpoint.account_id, "endpoint_id": endpoint.pk, "text": "A test, sent by hand."}
    message = WebhookMessage.objects.create(
        account_id=endpoint.account_id,
        type=TEST_EVENT_TYPE,
        at=now,
        batch=secrets.token_hex(8),
        payload=json.dumps({"type": TEST_EVENT_TYPE, "timestamp": format_timestamp(now), "data": data}),
    )
    return create_manual_delivery(endpoint, message, requested_by=requested_by, now=now)


def create_manual_delivery(
    endpoint: WebhookEndpoint, message: WebhookMessage, *, requested_by: User | None, now: datetime
) -> WebhookDelivery:
    """Create a delivery that is tried at once, and only once."""
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        message=message,
        is_manual=True,
        requested_by=requested_by,
        created_at=now,
        next_action_at=now,
    )
    enqueue(DELIVER_TASK)
    return delivery


def format_timestamp(at: datetime) -> str:
    """Format as Standard Webhooks requires: ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat()


def _as_text(value: Source) -> Cast:
    """Cast to text: PostgreSQL does not know the type of a bare parameter."""
    return Cast(F(value) if isinstance(value, str) else value, TextField())
