"""Which number a call shows: what a dialer asks before each call."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from django.http import HttpResponse
from django.urls import path
from ninja import Router
from pydantic import BaseModel, Field, ValidationError

from portal.api.authentication import ApiRequest, guarded
from portal.api.operations import endpoint, refuse_another_body
from portal.api.problems import Problem, problem_of_body, wrong
from portal.phone.numbers import NotANumber
from reputation.api.schemas.base import Asked, Id
from reputation.matching import match as matching
from reputation.matching.match import REASONS
from reputation.matching.queries import COUNTED_TO, CampaignNotFound
from reputation.matching.tiers import Basis

router = Router(tags=["Matching"])


class MatchIn(Asked):
    campaign_id: Id
    called: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            description="The number to call, as +12065550199 or (206) 555-0199.",
            examples=["+12063550199"],
            json_schema_extra={"format": "phone-number"},
        ),
    ]


class Skipped(BaseModel):
    """How many numbers as near as the shown one, or nearer, were passed over; counted up to 100."""

    tagged: int = Field(ge=0, le=COUNTED_TO, description="For their spam label.")
    daily_limit: int = Field(ge=0, le=COUNTED_TO, description="For having reached the campaign's daily limit.")


class Match(BaseModel):
    called: str = Field(description="The called number in E.164.")
    caller_id: str | None = Field(description="The number to show, in E.164; null: make no call.")
    number_id: int | None
    basis: Literal[tuple(Basis.values)] = Field(description="What it was matched on.")
    because: Literal[tuple(REASONS)] = Field(description="Why it is the default, or none; empty for a local number.")
    skipped: Skipped
    is_tagged: bool = Field(description="The shown default carries a spam label: nothing else was left.")
    is_at_daily_limit: bool = Field(description="The shown default has reached the daily limit.")
    is_outside_campaign: bool = Field(description="The shown default is none of the campaign's numbers.")


@endpoint(
    router,
    "POST",
    "/match",
    scope="match",
    answers={200: Match},
    refuses=("not_found", "invalid", "not_a_number"),
    body="json",
    policy="match",
)
def choose_caller_id(request: ApiRequest, given: MatchIn) -> dict:
    """Choose the caller ID for a call.

    The nearest number that may be shown: same area code and exchange, same area code, same State, else the campaign's
    default. Tagged numbers are skipped; the default is not. Equals take turns, so ask once for each call.
    """
    return answer(request, given)


# The same operation at the same address, round django-ninja, whose way to a view costs more than the answer: measured
# through the WSGI application it takes 190 µs of processor time, where an empty view takes 150 µs in all.
# What the document says of it is what stands above; schemathesis holds this view to it.
@guarded("match", policy="match")
def match(request: ApiRequest) -> HttpResponse:
    if request.method != "POST":
        raise Problem("method_not_allowed", headers={"Allow": "POST"})
    refuse_another_body("json", request)
    try:
        given = MatchIn.model_validate_json(request.body)
    except ValidationError as error:
        raise problem_of_body(error) from None
    said = json.dumps(answer(request, given)).encode()
    return HttpResponse(said, content_type="application/json; charset=utf-8")


def answer(request: ApiRequest, given: MatchIn) -> dict:
    try:
        decision = matching.match(
            account_id=request.caller.account_id, campaign_id=given.campaign_id, called=given.called, now=request.now
        )
    except CampaignNotFound:
        raise Problem("not_found", "The account has no campaign with this id.") from None
    except NotANumber as refused:
        raise wrong("body.called", str(refused), code="not_a_number") from None
    return {
        "called": decision.called,
        "caller_id": decision.caller_id,
        "number_id": decision.number_id,
        "basis": decision.basis,
        "because": decision.because,
        "skipped": {"tagged": decision.skipped_tagged, "daily_limit": decision.skipped_exhausted},
        "is_tagged": decision.is_tagged,
        "is_at_daily_limit": decision.is_exhausted,
        "is_outside_campaign": decision.is_outside,
    }


# Before all other addresses: whoever asks for each call should not wait for fifty patterns.
urls = [path("api/v1/match", match, name="match")]
