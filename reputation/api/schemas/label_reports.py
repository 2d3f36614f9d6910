"""Schemas of reports and photos of labels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from reputation.api.schemas.base import Choices, Day, Id, Line, Name, OptionalId, RequestSchema, ResponseSchema
from reputation.api.schemas.numbers import NumberReference
from reputation.models import LabelReport

# E.164 or as it is dialled in the United States.
NumberText = Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]


class LabelReportResponse(ResponseSchema):
    id: int
    number: NumberReference
    label: str
    carrier: str = Field(description="The network of the telephone that showed it; empty if nobody knows.")
    called_number: str = Field(description="Empty if it is not known, or was deleted.")
    seen_at: datetime = Field(description="When it was shown; of a day before the report, the end of the day.")
    photo_id: int | None
    reported_at: datetime
    state: Annotated[str, Choices(*LabelReport.State.values)]
    state_since: datetime
    confirmed_by: Annotated[str, Choices("", *LabelReport.ConfirmedBy.values)]


class LabelReportListResponse(ResponseSchema):
    items: list[LabelReportResponse]
    next_cursor: str | None


class LabelReportFilters(Schema):
    state: Annotated[str, Choices("", *LabelReport.State.values)] = ""
    number_id: Annotated[OptionalId, Field(description="Of this number only.")] = ""


class LabelReportRequest(RequestSchema):
    number: NumberText = Field(description="The account's number that the call showed.", examples=["+12065550143"])
    label: Name = Field(description="What the telephone showed.", examples=["Scam Likely"])
    carrier: Annotated[Line, Field(max_length=60)] = Field(
        default="", description="The network of the called telephone; leave it out if nobody knows."
    )
    called_number: NumberText = Field(
        default="", description="It tells two people apart, who confirm each other. It is deleted later."
    )
    seen_on: Day | None = Field(
        default=None, description="The day in the account's time zone, as 2026-11-27; today if it is left out."
    )
    photo_id: Id | None = Field(default=None, description="A photo that was sent before.")


class LabelPhotoResponse(ResponseSchema):
    id: int
    created_at: datetime


def serialize_report(report: LabelReport) -> LabelReportResponse:
    """Serialize a report; select its `number` with it."""
    return LabelReportResponse(
        id=report.pk,
        number=NumberReference(id=report.number_id, number=report.number.e164),
        label=report.label,
        carrier=report.carrier,
        called_number=report.called_e164,
        seen_at=report.seen_at,
        photo_id=report.photo_id,
        reported_at=report.reported_at,
        state=report.state,
        state_since=report.state_since,
        confirmed_by=report.confirmed_by,
    )
