"""What webhooks tell of the enrollment: what was decided, and why."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import JSONObject

from enrollment.models import Application
from portal.webhooks.events import OF_THE_ENROLLMENT, Told

State = Application.State

TOLD: dict[str, Told] = {
    f"application.{state}": Told(
        "enrollment.decided",
        OF_THE_ENROLLMENT,
        {"application": JSONObject(id=F("pk"), legal_name=F("legal_name"))},
        ("before", "after", "reason"),
    )
    for state in (State.APPROVED, State.REJECTED, State.MORE_INFORMATION, State.REVOKED)
}
