"""Matching: a dialer asks for the caller ID of each call."""

from __future__ import annotations

import json

from django.http import HttpResponse
from django.urls import path
from ninja import Router
from pydantic import ValidationError

from portal.api.authentication import ApiRequest, require_api_key
from portal.api.operations import check_body_headers, operation
from portal.api.problems import Problem, problem_from_body_error, validation_problem
from portal.phone.numbers import InvalidPhoneNumber
from reputation.api.schemas.matches import MatchRequest, MatchResponse
from reputation.matching import match as matching
from reputation.matching.queries import CampaignNotFound

router = Router(tags=["Matching"])


@operation(
    router,
    "POST",
    "/match",
    scope="match",
    responses={200: MatchResponse},
    problems=("not_found", "invalid", "not_a_number"),
    body="json",
    policy="match",
)
def choose_caller_id(request: ApiRequest, payload: MatchRequest) -> dict:
    """Choose the caller ID for a call.

    The nearest number that may be shown: same area code and exchange, same area code, same State, else the campaign's
    default. Numbers that are tagged or were labelled when last seen are skipped; the default is not. Equals take turns,
    so ask once for each call. If every local number is labelled, the campaign's `when_all_labelled` applies.
    """
    return match_response(request, payload)


# The view that serves /match, without django-ninja, whose overhead exceeds the rest: 190 µs of processor time, measured
# through the WSGI application, where an empty view takes 150 µs in all. `choose_caller_id` only documents it;
# schemathesis checks the view against that document.
@require_api_key("match", policy="match")
def match(request: ApiRequest) -> HttpResponse:
    if request.method != "POST":
        raise Problem("method_not_allowed", headers={"Allow": "POST"})
    check_body_headers("json", request)
    try:
        payload = MatchRequest.model_validate_json(request.body)
    except ValidationError as error:
        raise problem_from_body_error(error) from None
    content = json.dumps(match_response(request, payload)).encode()
    return HttpResponse(content, content_type="application/json; charset=utf-8")


def match_response(request: ApiRequest, payload: MatchRequest) -> dict:
    try:
        decision = matching.match(
            account_id=request.caller.account_id,
            campaign_id=payload.campaign_id,
            called_number=payload.called,
            called_carrier=payload.called_carrier or "",
            now=request.context.now,
        )
    except CampaignNotFound:
        raise Problem("not_found", "The account has no campaign with this id.") from None
    except InvalidPhoneNumber as error:
        raise validation_problem("body.called", str(error), code="not_a_number") from None
    return {
        "called": decision.called_number,
        "caller_id": decision.caller_id,
        "number_id": decision.number_id,
        "basis": decision.basis,
        "because": decision.reason_code,
        "skipped": {
            "tagged": decision.skipped_tagged,
            "labelled_when_last_seen": decision.skipped_last_seen,
            "daily_limit": decision.skipped_exhausted,
        },
        "is_tagged": decision.is_tagged,
        "was_labelled": decision.was_labelled,
        "is_at_daily_limit": decision.is_exhausted,
        "is_outside_campaign": decision.is_outside_campaign,
    }


# Comes before all other patterns: this path is requested for every call.
urls = [path("api/v1/match", match, name="match")]
