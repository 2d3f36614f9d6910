"""The events that webhooks send: their types, and for each code of the audit trail what the message contains.

Apps register the definitions for their own codes (`register_events`), because only they know their models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Expression, F, Func, Value
from django.db.models.functions import JSONObject

# Each type, and when it is sent.
EVENT_TYPES = {
    "number.tagged": "An engine put a spam label on a number",
    "number.cleared": "The label of an engine is gone from a number",
    "number.at_risk": "A number without a label shows a sign of getting one",
    "number.released": "A number that was labelled when last seen is used again",
    "case.opened": "The remediation of a number began",
    "case.failed": "The remediation of a number failed",
    "capability.changed": "Monitoring of a number was enabled, verified, refused or disabled",
    "enrollment.decided": "The enrollment was approved, rejected, revoked, or needs more information",
    "enrollment.withdrawn": "The applicant withdrew the enrollment from review",
}
# Only sent by hand, so endpoints cannot select it.
TEST_EVENT_TYPE = "webhook.test"
ENROLLMENT_ORDERING_KEY = Value(0)


@dataclass(frozen=True)
class EventDefinition:
    """How a change is sent: the event's type, its ordering key (a number's id), and the payload's `data`.

    `data` holds expressions on the changed row. `change_fields` names those of before, after and reason that `data`
    also contains.
    """

    type: str
    ordering_key: F | Value
    data: Mapping[str, Expression]
    change_fields: tuple[str, ...] = ()


# By code of the audit trail.
event_definitions: dict[str, EventDefinition] = {}


def register_events(definitions: Mapping[str, EventDefinition]) -> None:
    """Add an app's definitions, by code of the audit trail."""
    event_definitions.update(definitions)


class JSONBoolean(Func):
    """A condition as JSON's true or false: SQLite only has 1 and 0."""

    function = "JSON"
    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="JSON(IIF(%(expressions)s, 'true', 'false'))", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", **extra)


def number_json(path: str = "") -> JSONObject:
    """Build the `number` object of a payload; `path` leads to the number, such as number__."""
    return JSONObject(
        id=F(path.removesuffix("__") or "pk"),
        e164=F(f"{path}e164"),
        label=F(f"{path}label"),
        campaign_id=F(f"{path}campaign_id"),
        campaign=F(f"{path}campaign__name"),
    )
