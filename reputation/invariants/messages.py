"""Webhook messages and mails: each has what it takes to be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet

from enrollment.models import Transition
from portal.db.in_list import in_list
from portal.models import AuditEvent, WebhookDelivery, WebhookEndpoint, WebhookMessage
from portal.webhooks.events import TEST_EVENT_TYPE, event_definitions
from portal.webhooks.outbox import create_deliveries
from reputation.invariants.registry import Invariant

# Deliveries are deleted 30 days after they ended; see reputation/retention.py.
_KEPT_FOR = timedelta(days=29)
# The events of so many days are compared with the messages about them.
_COMPARED = timedelta(days=7)
# A change that began before an endpoint was added or changed may still write messages for what it saw then.
_SETTLED = timedelta(minutes=5)
# Changes of an endpoint that decide which events it receives.
_CHANGES = ("webhook.added", "webhook.changed", "webhook.removed")
State = WebhookDelivery.State


def _get_undelivered() -> QuerySet[WebhookMessage]:
    """A row for each message and endpoint that it was not delivered to.

    These are endpoints of its account that were subscribed to it before, and have not been changed since.
    """
    endpoint = OuterRef("account__webhook_endpoints__pk")
    changed = AuditEvent.objects.filter(
        account=OuterRef("account"), subject_type="webhookendpoint", subject_id=endpoint, code="webhook.changed"
    )
    delivered = WebhookDelivery.objects.filter(message=OuterRef("pk"), endpoint=endpoint)
    return WebhookMessage.objects.exclude(type=TEST_EVENT_TYPE).filter(
        ~Exists(changed),
        ~Exists(delivered),
        account__webhook_endpoints__created_at__lt=F("at"),
        account__webhook_endpoints__event_types__contains=F("type"),
    )


def _find_undelivered(now: datetime) -> QuerySet[WebhookMessage]:
    return _get_undelivered().filter(at__gt=now - _KEPT_FOR).distinct()


def _deliver(ids: Sequence[Any], now: datetime) -> None:
    """Creates the deliveries that are missing. Receivers know each event by its id, so none counts twice."""
    create_deliveries(_get_undelivered().filter(pk__in=in_list(ids)), now)


def _find_untold_events(now: datetime) -> list[str]:
    """Moments at which an account has another number of events than of messages about them; three queries."""
    endpoints = WebhookEndpoint.objects.all()
    settled = dict(endpoints.order_by().values_list("account").annotate(Max("created_at")))
    changes = AuditEvent.objects.filter(account__in=in_list(settled), code__in=_CHANGES).order_by()
    for account, at in changes.values_list("account").annotate(Max("at")):
        settled[account] = max(settled[account], at)
    wanted = {(endpoint.account_id, kind) for endpoint in endpoints for kind in endpoint.event_type_list}
    since = now - _COMPARED
    events: Counter[tuple[int, str, datetime]] = Counter()
    recorded = AuditEvent.objects.filter(account__in=in_list(settled), at__gt=since, code__in=list(event_definitions))
    for account, code, at, count in recorded.order_by().values_list("account", "code", "at").annotate(Count("pk")):
        events[account, event_definitions[code].type, at] += count
    messages = WebhookMessage.objects.filter(account__in=in_list(settled), at__gt=since).exclude(type=TEST_EVENT_TYPE)
    written = {
        (account, kind, at): count
        for account, kind, at, count in messages.order_by().values_list("account", "type", "at").annotate(Count("pk"))
    }
    return [
        f"account {account}, {kind} at {at:%Y-%m-%d %H:%M:%S.%f} UTC: {events[account, kind, at]} events, "
        f"{written.get((account, kind, at), 0)} messages"
        for account, kind, at in events.keys() | written.keys()
        if (account, kind) in wanted
        and at > settled[account] + _SETTLED
        and events[account, kind, at] != written.get((account, kind, at), 0)
    ]


def _find_wrong_deliveries(now: datetime) -> QuerySet[WebhookDelivery]:
    pending = Q(state=State.PENDING)
    return WebhookDelivery.objects.filter(
        (pending & (Q(ended_at__isnull=False) | Q(next_action_at__isnull=True)))
        | (~pending & (Q(ended_at__isnull=True) | Q(next_action_at__isnull=False)))
    )


def _mend_deliveries(ids: Sequence[Any], now: datetime) -> None:
    rows = WebhookDelivery.objects.filter(pk__in=in_list(ids))
    rows.pending().update(ended_at=None, next_action_at=now)
    rows.exclude(state=State.PENDING).filter(ended_at__isnull=True).update(ended_at=now)
    rows.exclude(state=State.PENDING).update(next_action_at=None)


def _find_foreign_deliveries(now: datetime) -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.exclude(message__account=F("endpoint__account"))


def _find_wrong_mails(now: datetime) -> QuerySet[Transition]:
    return Transition.objects.filter(mail_due_at__isnull=False, mailed_at__isnull=False)


def _end_mails(ids: Sequence[Any], now: datetime) -> None:
    Transition.objects.filter(pk__in=in_list(ids), mailed_at__isnull=False).update(mail_due_at=None)


INVARIANTS = (
    Invariant(
        "deliveries",
        "Each message has a delivery to each endpoint that was subscribed to it.",
        _find_undelivered,
        _deliver,
    ),
    Invariant(
        "messages",
        "Each event of the last 7 days that an endpoint is subscribed to has one message.",
        _find_untold_events,
    ),
    Invariant(
        "delivery_states",
        "A delivery is due at some time until it has ended.",
        _find_wrong_deliveries,
        _mend_deliveries,
    ),
    Invariant(
        "delivery_accounts",
        "A message is delivered to endpoints of its own account only.",
        _find_foreign_deliveries,
    ),
    Invariant(
        "mails", "A mail about an enrollment is not due any more once it was sent.", _find_wrong_mails, _end_mails
    ),
)
