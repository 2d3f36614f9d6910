"""What webhooks tell of numbers, tags and cases: for each code of the audit trail, its type and its data."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import JSONObject

from portal.webhooks.events import Told, Truth, number
from reputation.models import PhoneNumber, Tag

_TAG = {"number": number("number__"), "tag": JSONObject(id=F("pk"), engine=F("engine__name"), label=F("label"))}
_CASE = {"number": number("number__"), "case": JSONObject(id=F("pk"), former_id=F("former_id"))}
# Labels of other engines; those that end in the same look have ended already when it is told.
_STILL_TAGGED = Truth(Exists(Tag.objects.standing().filter(number=OuterRef("number"))))

TOLD: dict[str, Told] = {
    "tag.detected": Told("number.tagged", F("number_id"), _TAG),
    "tag.cleared": Told("number.cleared", F("number_id"), {**_TAG, "still_tagged": _STILL_TAGGED}),
    "case.opened": Told("case.opened", F("number_id"), _CASE),
    "case.failed": Told("case.failed", F("number_id"), _CASE, ("reason",)),
    **{
        f"capability.{state}": Told("capability.changed", F("pk"), {"number": number()}, ("before", "after", "reason"))
        for state in PhoneNumber.Capability.values
    },
}
