"""Schemas of the enrollment and the seats of the licence."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from reputation.api.schemas.base import ResponseSchema
from reputation.monitoring.eligibility import Coverage


class SeatsResponse(ResponseSchema):
    """Of the Spam Monitoring and Remediation licence."""

    total: int
    used: int
    free: int
    unlimited: bool = Field(description="Whether every number is covered without a seat.")


class EnrollmentResponse(ResponseSchema):
    state: str = Field(examples=["approved"])
    is_approved: bool = Field(description="Whether numbers may be enabled.")
    since: datetime | None
    reason: str
    sentence: str
    seats: SeatsResponse


def serialize_seats(coverage: Coverage) -> SeatsResponse:
    return SeatsResponse(
        total=coverage.seats, used=coverage.seats_used, free=coverage.seats_free, unlimited=coverage.needs_no_seats
    )
