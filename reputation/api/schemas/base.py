"""What the API sends and takes, as schemas: the OpenAPI document is made of them. Times are UTC, with their offset."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Schema
from pydantic import BaseModel, Field, StringConstraints

from portal.api.operations import STRICT_CONFIG
from reputation.models import BulkAction, Case, PhoneNumber

# The largest id a database holds.
MAX_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
# One line of text: no control characters. A name has something other than spaces in it.
_LINE_PATTERN = r"^[^\x00-\x1f\x7f\u2028\u2029]*$"
Line = Annotated[str, StringConstraints(max_length=80, pattern=_LINE_PATTERN)]
Name = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=80,
        pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*[^\s\x00-\x1f\x7f\u2028\u2029][^\x00-\x1f\x7f\u2028\u2029]*$",
    ),
]

Capability = Literal[tuple(PhoneNumber.Capability.values)]
Source = Literal[tuple(PhoneNumber.Source.values)]
SpamStatus = Literal[(*PhoneNumber.SpamStatus.values, PhoneNumber.STALE)]
CaseState = Literal[tuple(Case.State.values)]
Action = Literal[tuple(BulkAction.Action.values)]


def optional_choice(*values: str) -> object:
    """A filter's value, of these; empty does not filter."""
    return Literal[("", *values)]


class ResponseSchema(BaseModel):
    """The base of what is answered."""


class RequestSchema(Schema):
    """The base of bodies."""

    model_config = STRICT_CONFIG
