"""What webhooks tell of numbers, tags and cases: for each code of the audit trail, its type and its data."""

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
# Labels of other engines; those that end in the same look have ended already when it is told.
_STILL_TAGGED = JSONBoolean(Exists(Tag.objects.standing().filter(number=OuterRef("number"))))

WEBHOOK_EVENTS: dict[str, EventDefinition] = {
    "tag.detected": EventDefinition("number.tagged", F("number_id"), _TAG_DATA),
    "tag.cleared": EventDefinition("number.cleared", F("number_id"), {**_TAG_DATA, "still_tagged": _STILL_TAGGED}),
    "case.opened": EventDefinition("case.opened", F("number_id"), _CASE_DATA),
    "case.failed": EventDefinition("case.failed", F("number_id"), _CASE_DATA, ("reason",)),
    **{
        f"capability.{state}": EventDefinition(
            "capability.changed", F("pk"), {"number": number_json()}, ("before", "after", "reason")
        )
        for state in PhoneNumber.Capability.values
    },
}
