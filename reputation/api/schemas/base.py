"""Types and base classes of the API's schemas, from which the OpenAPI document is made. Times are UTC with offset."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from ninja import Schema
from pydantic import BaseModel, BeforeValidator, Field, Strict, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from portal.api.operations import STRICT_CONFIG
from reputation.models import BulkAction, Case, PhoneNumber

# The largest id in a database.
MAX_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
# A filter's value: an id, or empty for no filter.
OptionalId = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,17})?$")]

# One line of text, without control characters. A name also has something other than spaces in it.
_CONTROL = r"\x00-\x1f\x7f\u2028\u2029"
Line = Annotated[str, StringConstraints(max_length=80, pattern=rf"^[^{_CONTROL}]*$")]
Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80, pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"),
]
# Why somebody does something.
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300, pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"),
]


def _parse_day(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        return date.fromisoformat(written) if len(written) == len("2026-11-27") else written
    except ValueError:
        return written


# A calendar day in the account's time zone. A time or a number is none.
Day = Annotated[date, Strict(), BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})]


class Choices:
    """Annotates a text as one of these values, like a Literal whose values are computed."""

    def __init__(self, *values: str) -> None:
        self.values = values

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.literal_schema(list(self.values))


Capability = Annotated[str, Choices(*PhoneNumber.Capability.values)]
Source = Annotated[str, Choices(*PhoneNumber.Source.values)]
_Status = PhoneNumber.SpamStatus
SpamStatus = Annotated[
    str,
    Choices(
        *(_Status.TAGGED, _Status.AT_RISK, _Status.CLEAN, PhoneNumber.STALE, _Status.UNKNOWN),
        *(_Status.LAST_SEEN, _Status.NOT_MONITORED),
    ),
]
# By stored status.
REMEDIATION_STATES: dict[str, str] = {
    _Status.TAGGED: "starting",
    _Status.TAGGED_AGAIN: "starting_again",
    _Status.IN_REMEDIATION: "in_remediation",
    _Status.FAILED: "failed",
}
Remediation = Annotated[
    Annotated[str, Choices(*REMEDIATION_STATES.values())] | None,
    Field(description="The state of remediation of a tagged number; null for others."),
]
CaseState = Annotated[str, Choices(*Case.State.values)]
Action = Annotated[str, Choices(*BulkAction.Action.values)]


EndMonitoring = Annotated[
    bool,
    Field(
        description="Go on although monitoring ends for numbers that leave a campaign and get no seat. Without it, "
        "such a request is refused (409) and changes nothing."
    ),
]


class ResponseSchema(BaseModel):
    """The base of responses."""


class RequestSchema(Schema):
    """The base of request bodies."""

    model_config = STRICT_CONFIG
