"""Webhook events about numbers, tags and cases: the type and the data for each audit code."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import JSONObject

from portal.webhooks.events import EventDefinition, JSONBoolean, number_json
from reputation.models import PhoneNumber, Tag

_TAG_DATA = {
    "number": number_json("number__"),
    "tag": JSONObject(id=F("pk"), engine=F("engine__name"), label=F("label")),
}
_CASE_DATA = {"number": number_json("number__"), "case": JSONObject(id=F("pk"), former_id=F("former_id"))}
# Other engines still label the number. Labels that end in the same look-up have ended when the event is written.
_STILL_TAGGED = JSONBoolean(Exists(Tag.objects.active().filter(number=OuterRef("number"))))

WEBHOOK_EVENTS: dict[str, EventDefinition] = {
    "tag.detected": EventDefinition("number.tagged", F("number_id"), _TAG_DATA),
    "tag.cleared": EventDefinition("number.cleared", F("number_id"), {**_TAG_DATA, "still_tagged": _STILL_TAGGED}),
    "number.at_risk": EventDefinition("number.at_risk", F("pk"), {"number": number_json()}, ("reason",)),
    "number.released": EventDefinition("number.released", F("pk"), {"number": number_json()}, ("reason",)),
    "case.opened": EventDefinition("case.opened", F("number_id"), _CASE_DATA),
    "case.failed": EventDefinition("case.failed", F("number_id"), _CASE_DATA, ("reason",)),
    **{
        f"capability.{state}": EventDefinition(
            "capability.changed", F("pk"), {"number": number_json()}, ("before", "after", "reason")
        )
        for state in PhoneNumber.Capability.values
    },
}
