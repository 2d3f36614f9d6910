"""Endpoints and deliveries for the pages that show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal.db import keyset
from portal.models import Account, WebhookDelivery, WebhookEndpoint

State = WebhookDelivery.State


@dataclass(frozen=True)
class DeliveryPage:
    """A page of an endpoint's deliveries, filtered by `state` (empty: all)."""

    page: keyset.KeysetPage
    state: str
    has_due_deliveries: bool  # the page will soon change


def get_endpoints(account: Account) -> QuerySet[WebhookEndpoint]:
    """Return the account's endpoints, each with the number of its pending events as `waiting`; one query."""
    pending = WebhookDelivery.objects.pending().filter(endpoint=OuterRef("pk"), is_manual=False).order_by()
    counted = pending.values("endpoint").annotate(count=Count("pk")).values("count")
    return WebhookEndpoint.objects.for_account(account).annotate(waiting=Coalesce(Subquery(counted), 0)).order_by("pk")


def get_delivery_page(endpoint: WebhookEndpoint, params: Mapping[str, str], now: datetime) -> DeliveryPage:
    """Return the page that the query string selects; two queries."""
    state = params.get("state", "")
    state = state if state in State.values else ""
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint).select_related("message")
    return DeliveryPage(
        page=keyset.paginate(deliveries.filter(state=state) if state else deliveries, params),
        state=state,
        has_due_deliveries=WebhookDelivery.objects.due(now).filter(endpoint=endpoint).exists(),
    )
