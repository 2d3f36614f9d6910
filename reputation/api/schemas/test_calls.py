"""Schemas of test calls: telephones, rounds, calls and their results."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from reputation.api.schemas.base import Choices, Id, Line, OptionalId, RequestSchema, ResponseSchema
from reputation.api.schemas.numbers import NumberReference
from reputation.models import Telephone, TestCall, TestRound

MAX_MINUTES = 24 * 60
Token = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Reason = Annotated[str, Choices(*TestCall.Reason.values)]


class TelephoneResponse(ResponseSchema):
    id: int
    name: str
    number: str = Field(description="Empty once the number of a removed telephone was deleted.")
    carrier: str
    plan: Annotated[str, Choices(*Telephone.Plan.values)]
    make: str
    system: Annotated[str, Choices(*Telephone.System.values)]
    proven_until: datetime | None = Field(description="Until when it is known to show labels.")
    proves_absence: bool = Field(description="Whether a call that shows no label there counts: proven and postpaid.")


class TelephoneListResponse(ResponseSchema):
    items: list[TelephoneResponse]
    next_cursor: str | None


class TestRoundResponse(ResponseSchema):
    id: int
    minutes: int
    created_at: datetime
    ended_at: datetime | None = Field(description="Results count from then on.")
    calls: int
    made: int


class TestRoundListResponse(ResponseSchema):
    items: list[TestRoundResponse]
    next_cursor: str | None


class TestCallResponse(ResponseSchema):
    """A call from one of the account's numbers to a telephone. It shows what that telephone showed once."""

    id: int
    round_id: int
    position: int = Field(description="Calls are taken in this order.")
    number: NumberReference = Field(description="The number to call from.")
    telephone: TelephoneResponse = Field(description="The telephone to call.")
    reason: Reason
    state: Annotated[str, Choices(*TestCall.State.values)]
    result: Annotated[str, Choices("", *TestCall.Result.values)]
    label: str
    name: str = Field(description="The name that the telephone showed.")
    photo_id: int | None
    answered_at: datetime | None


class TestCallListResponse(ResponseSchema):
    items: list[TestCallResponse]
    next_cursor: str | None


class TakenCallResponse(TestCallResponse):
    token: str = Field(description="Send it with the result, or to give the call back.")
    taken_until: datetime | None = Field(description="Then somebody else may take the call.")


class TestCallFilters(Schema):
    state: Annotated[str, Choices("", *TestCall.State.values)] = ""
    round_id: Annotated[OptionalId, Field(description="Of this round only.")] = ""
    number_id: Annotated[OptionalId, Field(description="From this number only.")] = ""


class TestRoundRequest(RequestSchema):
    minutes: Annotated[int, Field(ge=1, le=MAX_MINUTES, description="How long somebody has time for calls.")]
    telephone_ids: list[Id] | None = Field(
        default=None, max_length=200, description="The telephones to call; all if it is left out."
    )


class TokenRequest(RequestSchema):
    token: Token = Field(description="From taking the call.", examples=["9f86d081884c7d659a2feaa0c55ad015"])


class ResultRequest(TokenRequest):
    result: Annotated[str, Choices(*TestCall.Result.values)]
    label: Line = Field(default="", description="What was shown; needed for the result `label`.")
    name: Line = Field(default="", description="The name that was shown.")
    photo_id: Id | None = Field(default=None, description="A photo that was sent before.")


def serialize_telephone(telephone: Telephone, now: datetime) -> TelephoneResponse:
    return TelephoneResponse(
        id=telephone.pk,
        name=telephone.name,
        number=telephone.e164,
        carrier=telephone.carrier,
        plan=telephone.plan,
        make=telephone.make,
        system=telephone.system,
        proven_until=telephone.proven_until,
        proves_absence=telephone.proves_absence(now),
    )


def serialize_round(test_round: TestRound, calls: int, made: int) -> TestRoundResponse:
    return TestRoundResponse(
        id=test_round.pk,
        minutes=test_round.minutes,
        created_at=test_round.created_at,
        ended_at=test_round.ended_at,
        calls=calls,
        made=made,
    )


def get_call_fields(call: TestCall, now: datetime) -> dict:
    """The fields of TestCallResponse; select `number` and `telephone` with the call."""
    return {
        "id": call.pk,
        "round_id": call.round_id,
        "position": call.position,
        "number": NumberReference(id=call.number_id, number=call.number.e164),
        "telephone": serialize_telephone(call.telephone, now),
        "reason": call.reason,
        "state": call.state,
        "result": call.result,
        "label": call.label,
        "name": call.name,
        "photo_id": call.photo_id,
        "answered_at": call.answered_at,
    }
