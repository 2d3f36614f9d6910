"""Webhook events of the enrollment: decisions about applications, and their withdrawal."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import JSONObject

from enrollment.models import Application
from portal.webhooks.events import ENROLLMENT_ORDERING_KEY, EventDefinition

State = Application.State


def _define_event(event_type: str) -> EventDefinition:
    data = {"application": JSONObject(id=F("pk"), legal_name=F("legal_name"))}
    return EventDefinition(event_type, ENROLLMENT_ORDERING_KEY, data, ("before", "after", "reason"))


WEBHOOK_EVENTS: dict[str, EventDefinition] = {
    "application.withdrawn": _define_event("enrollment.withdrawn"),
    **{
        f"application.{state}": _define_event("enrollment.decided")
        for state in (State.APPROVED, State.REJECTED, State.MORE_INFORMATION, State.REVOKED)
    },
}
