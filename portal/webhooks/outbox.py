"""The outbox: what receivers are to be told is written in the transaction of the change, so that it is told if and only
if the change is made. `audit` calls it for everything that changes; nobody else needs to."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

from django.db.models import Expression, F, QuerySet, TextField, Value
from django.db.models.functions import Cast, JSONObject

from portal.db.bulk import insert_from
from portal.jobs.runner import enqueue
from portal.models import User, WebhookDelivery, WebhookEndpoint, WebhookMessage
from portal.webhooks.events import TEST_EVENT_TYPE, event_definitions

DELIVER_TASK = "portal.webhooks.tasks.deliver_webhooks"


def write_messages(changed: QuerySet, *, what: str, now: datetime, **change: str | Expression) -> int:
    """Writes a message for each of the `changed` rows whose account wants to be told of `what`, and returns how many.

    `change` is before, after and reason, as audit.record_changes takes them. One cheap query where nobody wants to
    know; otherwise a fixed number, however many rows.
    """
    about = event_definitions.get(what)
    if about is None:
        return 0
    wanting = WebhookEndpoint.objects.wanting(about.type)
    if not wanting.exists():
        return 0
    batch = secrets.token_hex(8)
    data = JSONObject(
        account_id=F("account_id"), **about.facts, **{name: _as_text(change[name]) for name in about.change}
    )
    payload = JSONObject(type=_as_text(Value(about.type)), timestamp=_as_text(Value(format_timestamp(now))), data=data)
    written = insert_from(
        WebhookMessage,
        changed.filter(account_id__in=wanting.values("account_id")).order_by("pk"),
        account_id=F("account_id"),
        type=Value(about.type),
        at=Value(now),
        lane=about.lane,
        batch=Value(batch),
        payload=_as_text(payload),
    )
    if written:
        _create_deliveries(batch, about.type, now)
        enqueue(DELIVER_TASK)
    return written


def _create_deliveries(batch: str, event_type: str, now: datetime) -> None:
    """A delivery of each message of the batch to each endpoint of its account that wants the type."""
    insert_from(
        WebhookDelivery,
        WebhookMessage.objects.filter(
            batch=batch, account__webhook_endpoints__event_types__contains=event_type
        ).order_by("pk"),
        message_id="pk",
        endpoint_id=F("account__webhook_endpoints__pk"),
        lane="lane",
        once=Value(False),
        state=Value(WebhookDelivery.State.PENDING.value),
        made_at=Value(now),
        next_action_at=Value(now),
        last_said=Value(""),
        lease_token=Value(""),
        attempts=Value(0),
    )


def create_test_delivery(endpoint: WebhookEndpoint, *, by: User | None, now: datetime) -> WebhookDelivery:
    """Writes a message that only says that it is a test, for this endpoint alone."""
    data = {"account_id": endpoint.account_id, "endpoint_id": endpoint.pk, "text": "A test, sent by hand."}
    message = WebhookMessage.objects.create(
        account_id=endpoint.account_id,
        type=TEST_EVENT_TYPE,
        at=now,
        batch=secrets.token_hex(8),
        payload=json.dumps({"type": TEST_EVENT_TYPE, "timestamp": format_timestamp(now), "data": data}),
    )
    return create_manual_delivery(endpoint, message, by=by, now=now)


def create_manual_delivery(
    endpoint: WebhookEndpoint, message: WebhookMessage, *, by: User | None, now: datetime
) -> WebhookDelivery:
    """A delivery that a person asked for: at once, and a single time."""
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, message=message, once=True, asked_by=by, made_at=now, next_action_at=now
    )
    enqueue(DELIVER_TASK)
    return delivery


def format_timestamp(at: datetime) -> str:
    """As the specification wants it: ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat()


def _as_text(value: str | Expression) -> Cast:
    """With its type said, which a bare parameter does not have on PostgreSQL."""
    return Cast(F(value) if isinstance(value, str) else value, TextField())
