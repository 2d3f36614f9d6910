"""What receivers are told, as tables: the types, and for each code of the audit trail what its message says.

The codes of the apps further up are filled in by these apps (`tell`), since only they know their models.
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
    "case.opened": "The remediation of a number began",
    "case.failed": "The remediation of a number failed",
    "capability.changed": "Monitoring of a number was enabled, verified, refused or disabled",
    "enrollment.decided": "The enrollment was approved, rejected, revoked, or needs more information",
}
# Only ever sent by hand, so it cannot be chosen.
TEST_EVENT_TYPE = "webhook.test"
ENROLLMENT_ORDERING_KEY = Value(0)


@dataclass(frozen=True)
class EventDefinition:
    """What is told of a change: its type, whose turn it takes (a number's id), and what stands under `data`.

    `facts` are expressions of the changed row; `change` says which of before, after and reason stand beside them.
    """

    type: str
    lane: F | Value
    facts: Mapping[str, Expression]
    change: tuple[str, ...] = ()


event_definitions: dict[str, EventDefinition] = {}


def register_events(what: Mapping[str, EventDefinition]) -> None:
    """An app says which of its audit codes are told, and how."""
    event_definitions.update(what)


class JSONBoolean(Func):
    """A condition as JSON's true or false: SQLite has only 1 and 0."""

    function = "JSON"
    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list]:
        return self.as_sql(compiler, connection, template="JSON(IIF(%(expressions)s, 'true', 'false'))", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list]:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", **extra)


def number_json(path: str = "") -> JSONObject:
    """A number, as every message has it; `path` leads to it, such as number__."""
    return JSONObject(
        id=F(path.removesuffix("__") or "pk"),
        e164=F(f"{path}e164"),
        label=F(f"{path}label"),
        campaign_id=F(f"{path}campaign_id"),
        campaign=F(f"{path}campaign__name"),
    )
