"""Webhook endpoints: add, change, pause, resume and remove them, replace their secret, and send by hand."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare

from portal import audit
from portal.audit import Context
from portal.jobs.runner import enqueue
from portal.models import Account, WebhookDelivery, WebhookEndpoint
from portal.webhooks import outbox
from portal.webhooks.outbox import DELIVER_TASK

MAX_ENDPOINTS = 20
PAUSED_BY_MEMBER = "Paused by hand."
RECEIVER_GONE = "The receiver answered 410: it wants to be told nothing any more."
RECEIVER_FAILING = "For three days it took nothing that was sent. The last attempt: {summary}"

State = WebhookEndpoint.State


class NotChanged(Exception):
    """Nothing was changed. The message, which is shown to a person, says why and what to do next."""


def generate_secret() -> str:
    """Return a new secret in the format of Standard Webhooks: 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def add(
    *, account: Account, url: str, description: str, event_types: Sequence[str], context: Context
) -> WebhookEndpoint:
    """Add an endpoint, which receives events of these types from now on. Raises NotChanged if there are too many.

    The caller validates the address with portal.webhooks.addresses.
    """
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        if WebhookEndpoint.objects.for_account(account).count() >= MAX_ENDPOINTS:
            raise NotChanged(
                f"An account may have {MAX_ENDPOINTS} webhooks. Remove one that is no longer needed first."
            )
        endpoint = WebhookEndpoint.objects.create(
            account=account,
            url=url,
            description=description,
            event_types=" ".join(event_types),
            secret=generate_secret(),
            state_since=context.now,
            created_at=context.now,
            created_by=context.actor.user,
        )
        _record(endpoint, context=context, code="webhook.added", after=url)
    return endpoint


def change(
    endpoint: WebhookEndpoint,
    *,
    context: Context,
    url: str | None = None,
    description: str | None = None,
    event_types: Sequence[str] | None = None,
) -> bool:
    """Change what is not None; return False if nothing differs. Pending deliveries go to the new address."""
    types = None if event_types is None else " ".join(event_types)
    values = {"url": url, "description": description, "event_types": types}
    new_values = {name: value for name, value in values.items() if value is not None}
    with transaction.atomic():
        before = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        changed = [name for name, value in new_values.items() if getattr(before, name) != value]
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**new_values)
        endpoint.refresh_from_db()
        for name in changed:
            _record(
                endpoint,
                context=context,
                code="webhook.changed",
                before=getattr(before, name),
                after=new_values[name],
            )
    return bool(changed)


def pause(endpoint: WebhookEndpoint, *, context: Context) -> bool:
    """Let events wait until the endpoint is resumed; return False if it was paused already."""
    return _pause(endpoint, reason=PAUSED_BY_MEMBER, context=context, mail_due_at=None)


def pause_unreachable(endpoint: WebhookEndpoint, *, reason: str, context: Context) -> bool:
    """Pause an endpoint whose deliveries fail, and schedule the mail to the account's owners."""
    return _pause(endpoint, reason=reason, context=context, mail_due_at=context.now)


def _pause(endpoint: WebhookEndpoint, *, reason: str, context: Context, mail_due_at: datetime | None) -> bool:
    with transaction.atomic():
        paused = WebhookEndpoint.objects.filter(pk=endpoint.pk, state=State.ACTIVE).update(
            state=State.PAUSED,
            state_since=context.now,
            pause_reason=reason[:300],
            mail_due_at=mail_due_at,
            mail_attempts=0,
        )
        if paused:
            _record(endpoint, context=context, code="webhook.paused", reason=reason)
    return bool(paused)


def resume(endpoint: WebhookEndpoint, *, context: Context) -> bool:
    """Send everything that waited, in order and with all attempts; return False if the endpoint was active."""
    with transaction.atomic():
        resumed = WebhookEndpoint.objects.filter(pk=endpoint.pk, state=State.PAUSED).update(
            state=State.ACTIVE,
            state_since=context.now,
            pause_reason="",
            consecutive_failures=0,
            failing_since=None,
            backoff_until=None,
            mail_due_at=None,
        )
        if resumed:
            waiting = WebhookDelivery.objects.pending().filter(endpoint=endpoint, is_manual=False)
            waiting.update(next_action_at=context.now, attempts=0)
            _record(endpoint, context=context, code="webhook.resumed")
            enqueue(DELIVER_TASK)
    return bool(resumed)


def rotate_secret(endpoint: WebhookEndpoint, *, expected_secret: str, context: Context) -> None:
    """Replace the secret. The previous one signs as well for a day, while the receiver is reconfigured.

    `expected_secret` is the secret that the page showed. Raises NotChanged if it was replaced since: replacing it twice
    in a row would leave the receiver with a secret that no longer signs.
    """
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
        if locked is None or not constant_time_compare(locked.secret, expected_secret):
            raise NotChanged("The secret was replaced meanwhile. Nothing was changed; the page shows the new one.")
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            secret=generate_secret(),
            previous_secret=F("secret"),
            previous_secret_expires_at=context.now + settings.SERVICE_DAY,
        )
        _record(endpoint, context=context, code="webhook.secret")


def remove(endpoint: WebhookEndpoint, *, context: Context) -> None:
    """Delete the endpoint and its deliveries, including pending ones."""
    with transaction.atomic():
        if WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk).exists():
            _record(endpoint, context=context, code="webhook.removed", before=endpoint.url)
            WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()


def send_test_event(endpoint: WebhookEndpoint, *, context: Context) -> WebhookDelivery:
    """Send a test event, also to a paused endpoint, so that it can be tried before it is resumed."""
    with transaction.atomic():
        return outbox.create_test_delivery(endpoint, requested_by=context.actor.user, now=context.now)


def redeliver(delivery: WebhookDelivery, *, context: Context) -> WebhookDelivery:
    """Send the same message with the same id again; try a pending delivery now instead of doubling it."""
    with transaction.atomic():
        WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(backoff_until=None)
        if WebhookDelivery.objects.pending().filter(pk=delivery.pk).update(next_action_at=context.now):
            enqueue(DELIVER_TASK)
            return delivery
        return outbox.create_manual_delivery(
            delivery.endpoint, delivery.message, requested_by=context.actor.user, now=context.now
        )


def _record(
    endpoint: WebhookEndpoint, *, code: str, context: Context, before: str = "", after: str = "", reason: str = ""
) -> None:
    audit.record_event(
        account=endpoint.account,
        context=context,
        code=code,
        subject=endpoint,
        before=before,
        after=after,
        reason=reason,
    )
