"""Webhook events of the enrollment: decisions about applications."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import JSONObject

from enrollment.models import Application
from portal.webhooks.events import ENROLLMENT_ORDERING_KEY, EventDefinition

State = Application.State

WEBHOOK_EVENTS: dict[str, EventDefinition] = {
    f"application.{state}": EventDefinition(
        "enrollment.decided",
        ENROLLMENT_ORDERING_KEY,
        {"application": JSONObject(id=F("pk"), legal_name=F("legal_name"))},
        ("before", "after", "reason"),
    )
    for state in (State.APPROVED, State.REJECTED, State.MORE_INFORMATION, State.REVOKED)
}
