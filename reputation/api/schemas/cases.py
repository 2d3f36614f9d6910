"""Cases and their submissions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from reputation.api.schemas.base import Asked, CaseState, Name, Said, one_of
from reputation.api.schemas.numbers import NumberLabel
from reputation.api.schemas.reputations import EngineOut, TagOut
from reputation.models import Case, Submission


class CaseOut(Said):
    id: int
    number: NumberLabel
    state: CaseState
    state_since: datetime
    opened_at: datetime
    closed_at: datetime | None
    expected_by: datetime | None
    deadline_at: datetime
    outcome: str
    former_case_id: int | None = Field(description="The number was tagged before: the case of that time.")
    ticket_reference: str
    ticket_noted_at: datetime | None


class Cases(Said):
    items: list[CaseOut]
    next_cursor: str | None


class SubmissionOut(Said):
    engine: EngineOut
    state: Literal[tuple(Submission.State.values)]
    reference: str
    reason: str
    sent_at: datetime | None
    expected_by: datetime | None
    answered_at: datetime | None


class Next(Said):
    sentence: str
    by: datetime | None


class CaseDetail(CaseOut):
    next: Next = Field(description="What happens next, and by when.")
    tags: list[TagOut]
    submissions: list[SubmissionOut]


class CaseFilters(Schema):
    state: one_of(*Case.State.values) = ""
    number_id: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,17})?$", description="Of this number only.")] = ""


class TicketIn(Asked):
    reference: Name = Field(description="What support calls the ticket.", examples=["48213"])
