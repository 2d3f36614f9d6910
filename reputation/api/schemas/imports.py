"""Schemas of imports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints, TypeAdapter

from portal.files.encodings import ENCODINGS
from reputation.api.schemas.base import Choices, RequestSchema, ResponseSchema
from reputation.imports.columns import ROLES
from reputation.imports.headings import MAX_COLUMNS
from reputation.models import NumberImport

Role = Annotated[str, Choices(*ROLES)]
Columns = Annotated[
    dict[Annotated[str, StringConstraints(max_length=200)], Role],
    Field(
        max_length=MAX_COLUMNS,
        description="What each column is, by heading or by position from 1. One is the number; columns left out are "
        "ignored.",
        examples=[{"Outbound CID": "number", "3": "label"}],
    ),
]
COLUMNS: TypeAdapter[dict[str, str]] = TypeAdapter(Columns)
Encoding = Annotated[str, Choices("", *ENCODINGS)]
SHEET_LENGTH = 100


class ImportRequest(Schema):
    """How to read the file."""

    columns: str = Field(
        "",
        max_length=100_000,
        description='A JSON object that says what each column is, by heading or by position from 1: `{"Outbound CID": '
        f'"number", "3": "label"}}`. The values are {", ".join(ROLES)}. Columns left out are ignored. If it is empty, '
        "the columns are found by headings and content.",
    )
    encoding: Encoding = Field("", description="Of a CSV file; guessed if empty.")
    sheet: str = Field("", max_length=SHEET_LENGTH, description="Of a workbook; the first one with numbers if empty.")


class ColumnsRequest(RequestSchema):
    """What is left out stays as it is."""

    columns: Columns | None = None
    encoding: Encoding = ""
    sheet: str = Field("", max_length=SHEET_LENGTH)


class ImportColumn(ResponseSchema):
    position: int
    heading: str
    role: Role
    note: str = Field(description="Why the column is ignored, if it looks as if it should be read.")


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
    encoding: str = Field(description="How the text was read; empty for a workbook.")
    sheet: str
    sheets: list[str] = Field(description="The sheets of a workbook.")
    columns: list[ImportColumn]
    from_ranges: int = Field(description="Numbers from cells that stand for several, such as a range.")
    harmed: int = Field(description="Labels with characters that the encoding does not have.")
    refused_first: list[RefusedRow] = Field(description="The first refused lines, with the reasons.")


class ImportListResponse(ResponseSchema):
    items: list[ImportResponse]
    next_cursor: str | None
