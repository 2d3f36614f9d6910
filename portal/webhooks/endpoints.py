"""The endpoints of an account: who adds, pauses and removes them, and secrets that are replaced without a gap."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.jobs.runner import enqueue
from portal.models import Account, WebhookDelivery, WebhookEndpoint
from portal.webhooks import outbox
from portal.webhooks.outbox import DELIVER_TASK

MAX_ENDPOINTS = 20
PAUSED_BY_MEMBER = "Paused by hand."
RECEIVER_GONE = "The receiver answered 410: it wants to be told nothing any more."
RECEIVER_FAILING = "For three days it took nothing that was sent. The last attempt: {said}"

State = WebhookEndpoint.State


class NotChanged(Exception):
    """Nothing was changed; the message tells a person why, and what to do next."""


def generate_secret() -> str:
    """A new one, as the specification has it: 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def add(
    *, account: Account, url: str, description: str, event_types: Sequence[str], context: Context
) -> WebhookEndpoint:
    """An endpoint that is told of everything of these types from now on. Raises NotChanged where there are too many.

    Whether something may be sent to the address is portal.webhooks.addresses' to say.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
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
            made_at=context.now,
            made_by=context.actor.user,
        )
        _record(endpoint, context=context, what="webhook.added", after=url)
    return endpoint


def change(
    endpoint: WebhookEndpoint,
    *,
    context: Context,
    url: str | None = None,
    description: str | None = None,
    event_types: Sequence[str] | None = None,
) -> bool:
    """Gives it another address, description or types (None: as it is); False where it has these already. What is still
    to be delivered goes to the new address."""
    types = None if event_types is None else " ".join(event_types)
    given = {"url": url, "description": description, "event_types": types}
    wanted = {name: value for name, value in given.items() if value is not None}
    with transaction.atomic():
        before = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        changed = {name: value for name, value in wanted.items() if getattr(before, name) != value}
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**wanted)
        endpoint.refresh_from_db()
        for name in changed:
            said = {"before": getattr(before, name), "after": wanted[name]}
            _record(endpoint, context=context, what="webhook.changed", **said)
    return bool(changed)


def pause(endpoint: WebhookEndpoint, *, context: Context) -> bool:
    """Nothing is sent until it is resumed, and nothing is lost; False if it was paused before."""
    return _pause(endpoint, because=PAUSED_BY_MEMBER, context=context, mail_due_at=None)


def pause_unreachable(endpoint: WebhookEndpoint, *, because: str, context: Context) -> bool:
    """Pauses it, because nothing gets there, and has the account's owners told by mail."""
    return _pause(endpoint, because=because, context=context, mail_due_at=context.now)


def _pause(endpoint: WebhookEndpoint, *, because: str, context: Context, mail_due_at: datetime | None) -> bool:
    with transaction.atomic():
        paused = WebhookEndpoint.objects.filter(pk=endpoint.pk, state=State.ACTIVE).update(
            state=State.PAUSED,
            state_since=context.now,
            paused_because=because[:300],
            mail_due_at=mail_due_at,
            mail_attempts=0,
        )
        if paused:
            _record(endpoint, context=context, what="webhook.paused", reason=because)
    return bool(paused)


def resume(endpoint: WebhookEndpoint, *, context: Context) -> bool:
    """Everything it missed goes out now, in order, with all attempts anew; False if it was active."""
    with transaction.atomic():
        resumed = WebhookEndpoint.objects.filter(pk=endpoint.pk, state=State.PAUSED).update(
            state=State.ACTIVE,
            state_since=context.now,
            paused_because="",
            failures=0,
            failing_since=None,
            rests_until=None,
            mail_due_at=None,
        )
        if resumed:
            missed = WebhookDelivery.objects.pending().filter(endpoint=endpoint, once=False)
            missed.update(next_action_at=context.now, attempts=0)
            _record(endpoint, context=context, what="webhook.resumed")
            enqueue(DELIVER_TASK)
    return bool(resumed)


def rotate_secret(endpoint: WebhookEndpoint, *, shown: str, context: Context) -> None:
    """A new secret. The former one signs as well for a day, so that the receiver can be told the new one meanwhile.

    `shown` is the secret that the person saw. Raises NotChanged if somebody else replaced it since: to replace the new
    one at once would leave the receiver without either.
    """
    with transaction.atomic():
        replaced = WebhookEndpoint.objects.filter(pk=endpoint.pk, secret=shown).update(
            secret=generate_secret(), previous_secret=F("secret"), previous_until=context.now + settings.SERVICE_DAY
        )
        if not replaced:
            raise NotChanged("The secret was replaced meanwhile. Nothing was changed; the page shows the new one.")
        _record(endpoint, context=context, what="webhook.secret")


def remove(endpoint: WebhookEndpoint, *, context: Context) -> None:
    """Forgets it, its deliveries, and what was still to be delivered."""
    with transaction.atomic():
        if WebhookEndpoint.objects.select_for_update().filter(pk=endpoint.pk).exists():
            _record(endpoint, context=context, what="webhook.removed", before=endpoint.url)
            WebhookEndpoint.objects.filter(pk=endpoint.pk).delete()


def send_test_event(endpoint: WebhookEndpoint, *, context: Context) -> WebhookDelivery:
    """Sends a test event, whatever the endpoint's state: so that one can see that it works before it is resumed."""
    with transaction.atomic():
        return outbox.create_test_delivery(endpoint, by=context.actor.user, now=context.now)


def redeliver(delivery: WebhookDelivery, *, context: Context) -> WebhookDelivery:
    """The same message, with the same id, once more; one that is still pending is not doubled but tried now."""
    with transaction.atomic():
        WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(rests_until=None)
        if WebhookDelivery.objects.pending().filter(pk=delivery.pk).update(next_action_at=context.now):
            enqueue(DELIVER_TASK)
            return delivery
        return outbox.create_manual_delivery(
            delivery.endpoint, delivery.message, by=context.actor.user, now=context.now
        )


def _record(endpoint: WebhookEndpoint, *, what: str, context: Context, **said: str) -> None:
    audit.record_event(account=endpoint.account, context=context, what=what, subject=endpoint, **said)
