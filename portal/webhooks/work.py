"""The kinds of work of webhooks, for portal.jobs.work: deliveries, and mails about paused endpoints."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from portal.jobs.claims import unclaimed
from portal.jobs.work import WorkKind, mail_rows
from portal.models import WebhookDelivery, WebhookEndpoint
from portal.webhooks.outbox import DELIVER_TASK


def get_waiting_endpoints(now: datetime) -> QuerySet[WebhookEndpoint]:
    """Endpoints with a delivery that can be sent. `due_since` is since when it, or the endpoint after a break, can be.

    A delivery that waits behind a refused one of its ordering key is not due, however long that takes.
    """
    due = WebhookDelivery.objects.due(now).filter(unclaimed(now), endpoint=OuterRef("pk"))
    oldest = Subquery(due.order_by("next_action_at").values("next_action_at")[:1])
    waiting = WebhookEndpoint.objects.annotate(oldest_delivery=oldest).filter(oldest_delivery__isnull=False)
    return waiting.annotate(due_since=Greatest("oldest_delivery", Coalesce("backoff_until", "oldest_delivery")))


KINDS = (
    WorkKind(
        "webhooks",
        "Webhooks to deliver",
        DELIVER_TASK,
        get_waiting_endpoints,
        "due_since",
        late_after=timedelta(minutes=5),
        sweeps=("deliver webhooks",),
    ),
    WorkKind(
        "webhook_mails",
        "Mails about paused webhooks",
        DELIVER_TASK,
        mail_rows(WebhookEndpoint),
        "mail_due_at",
        late_after=timedelta(minutes=15),
        sweeps=("webhook mails",),
    ),
)
