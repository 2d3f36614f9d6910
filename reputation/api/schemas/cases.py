"""Schemas of cases and their submissions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from reputation.api.schemas.base import CaseState, Choices, Day, Name, OptionalId, RequestSchema, ResponseSchema
from reputation.api.schemas.numbers import NumberSummary
from reputation.api.schemas.reputations import EngineResponse, TagResponse
from reputation.models import Case, Submission


class CaseResponse(ResponseSchema):
    id: int
    number: NumberSummary
    state: CaseState
    state_since: datetime
    opened_at: datetime
    closed_at: datetime | None
    expected_by: datetime | None = Field(description="When an answer is expected; null once the case has ended.")
    deadline_at: datetime | None = Field(
        description="When the case fails without an answer; null once the case has ended."
    )
    outcome: str
    former_case_id: int | None = Field(description="The number was tagged before: the case of that time.")
    ticket_reference: str
    ticket_noted_at: datetime | None


class CaseListResponse(ResponseSchema):
    items: list[CaseResponse]
    next_cursor: str | None


class SubmissionResponse(ResponseSchema):
    engine: EngineResponse
    state: Annotated[str, Choices(*Submission.State.values)]
    reference: str
    reason: str
    sent_at: datetime | None
    expected_by: datetime | None = Field(
        description="When the engine's answer is expected; null if it has answered, or the case has ended."
    )
    answered_at: datetime | None


class NextStepResponse(ResponseSchema):
    sentence: str
    by: datetime | None


class CaseDetailResponse(CaseResponse):
    next: NextStepResponse = Field(description="What happens next, and by when.")
    tags: list[TagResponse]
    submissions: list[SubmissionResponse]


class CaseFilters(Schema):
    state: Annotated[str, Choices("", *Case.State.values)] = ""
    number_id: Annotated[OptionalId, Field(description="Of this number only.")] = ""


class TicketRequest(RequestSchema):
    reference: Name = Field(description="What support calls the ticket.", examples=["48213"])


class AskAgainRequest(RequestSchema):
    what_changed: Annotated[
        str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
    ] = Field(
        description="What the account changed since the request was refused. It goes with the request.",
        examples=["At most 40 calls a day show this number."],
    )
    not_before: Day | None = Field(
        default=None,
        description="Ask from this day on, in the account's time zone, as 2026-11-27; left out: as soon as it may be. "
        "At most a year from now.",
    )
