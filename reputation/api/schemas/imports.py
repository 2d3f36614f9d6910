"""Schemas of CSV imports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from reputation.api.schemas.base import Choices, ResponseSchema
from reputation.models import NumberImport


class ImportResponse(ResponseSchema):
    id: int
    file_name: str
    state: Annotated[str, Choices(*NumberImport.State.values)] = Field(
        description="`ready`: it says what will happen, and waits to be confirmed."
    )
    reason: str
    summary: str
    will_add: int
    will_bring_back: int
    will_change: int
    unchanged: int
    refused: int
    added: int
    brought_back: int
    changed: int
    left_alone: int
    received_at: datetime
    ready_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None


class RefusedRow(ResponseSchema):
    line: int
    text: str
    reason: str


class ImportDetailResponse(ImportResponse):
    refused_first: list[RefusedRow] = Field(description="The first refused lines, with the reasons.")


class ImportListResponse(ResponseSchema):
    items: list[ImportResponse]
    next_cursor: str | None
