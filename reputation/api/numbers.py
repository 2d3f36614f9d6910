"""Phone numbers: list, get, add, change and remove."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import Query, Router, Status

from portal.api.authentication import ApiRequest
from portal.api.etags import check_if_match, etag
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem, validation_problem
from portal.phone.numbers import InvalidPhoneNumber
from reputation import phone_numbers
from reputation.api.objects import PathId, get_object_or_problem, get_referenced_campaign, monitoring_would_end
from reputation.api.schemas.numbers import (
    NumberCreateRequest,
    NumberFilters,
    NumberListResponse,
    NumberResponse,
    NumberUpdateRequest,
    serialize_number,
)
from reputation.models import PhoneNumber
from reputation.monitoring import coverage
from reputation.numbers.filters import NumberFilter

router = Router(tags=["Numbers"])


@operation(
    router, "GET", "/numbers", scope="read", responses={200: NumberListResponse}, problems=("invalid", "cursor_invalid")
)
def list_numbers(request: ApiRequest, filters: Query[NumberFilters], page_params: PageQuery) -> dict:
    """List numbers.

    In the order in which they were added, with the filters of the table in the portal.
    """
    numbers = PhoneNumber.objects.for_account(request.caller.account).select_related("campaign")
    found = NumberFilter.from_params(filters.dict()).apply(numbers, request.context.now)
    return paginate(
        found,
        page_params,
        list_name="numbers",
        serialize=lambda rows: [serialize_number(number, request.context.now) for number in rows],
    )


@operation(
    router,
    "POST",
    "/numbers",
    scope="write",
    responses={201: NumberResponse},
    returns_etag=True,
    problems=("number_exists", "not_a_number"),
    body="json",
)
def add_number(request: ApiRequest, payload: NumberCreateRequest, response: HttpResponse) -> Status:
    """Add a number.

    One that was removed comes back with its history. Monitoring is enabled apart from this.
    """
    try:
        parsed = phone_numbers.parse_caller_id(payload.number)
    except InvalidPhoneNumber as error:
        raise validation_problem("body.number", str(error), code="not_a_number") from None
    added = phone_numbers.add(
        account=request.caller.account,
        parsed=parsed,
        label=payload.label,
        source=payload.source,
        campaign=get_referenced_campaign(request, payload.campaign_id),
        context=request.context,
    )
    if added.outcome == "existing":
        raise Problem("number_exists", id=added.number.pk)
    response["Location"] = reverse("api-1:get-number", args=[added.number.pk])
    return Status(201, _with_etag(added.number, request, response))


@operation(router, "GET", "/numbers/{number_id}", scope="read", responses={200: NumberResponse}, returns_etag=True)
def get_number(request: ApiRequest, number_id: PathId, response: HttpResponse) -> NumberResponse:
    """Get a number.

    Its ETag stands for what can be changed: label, source and campaign.
    """
    return _with_etag(get_object_or_problem(request, _numbers(), number_id), request, response)


@operation(
    router,
    "PATCH",
    "/numbers/{number_id}",
    scope="write",
    responses={200: NumberResponse},
    returns_etag=True,
    problems=("monitoring_would_end",),
    body="json",
    checks_if_match=True,
)
def change_number(
    request: ApiRequest, number_id: PathId, payload: NumberUpdateRequest, response: HttpResponse
) -> NumberResponse:
    """Change a number's label, source or campaign.

    A monitored number that leaves its campaign takes a seat. If none is free, its monitoring would end, and the request
    is refused without `end_monitoring`.
    """
    coverage.lock_account(request.caller.account.pk)
    number = get_object_or_problem(request, _numbers_for_update(), number_id)
    check_if_match(request, number_etag(number))
    sent = payload.model_fields_set
    campaign = get_referenced_campaign(request, payload.campaign_id) if "campaign_id" in sent else number.campaign
    try:
        phone_numbers.change(
            number,
            label=number.label if payload.label is None else payload.label,
            source=payload.source or number.source,
            campaign=campaign,
            context=request.context,
            end_monitoring=payload.end_monitoring,
        )
    except phone_numbers.MonitoringWouldEnd:
        raise monitoring_would_end(1) from None
    return _with_etag(get_object_or_problem(request, _numbers(), number_id), request, response)


@operation(router, "DELETE", "/numbers/{number_id}", scope="write", responses={204: None}, checks_if_match=True)
def remove_number(request: ApiRequest, number_id: PathId) -> Status:
    """Remove a number.

    Monitoring stops and an open case is cancelled. The history is kept: adding the number again brings it back.
    """
    number = get_object_or_problem(request, _numbers_for_update(), number_id)
    check_if_match(request, number_etag(number))
    phone_numbers.remove([number.pk], context=request.context)
    return Status(204, None)


def number_etag(number: PhoneNumber) -> str:
    return etag(number.pk, number.label, number.source, number.campaign_id)


def _numbers() -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.select_related("campaign")


def _numbers_for_update() -> QuerySet[PhoneNumber]:
    return _numbers().select_for_update(of=("self",))


def _with_etag(number: PhoneNumber, request: ApiRequest, response: HttpResponse) -> NumberResponse:
    response["ETag"] = number_etag(number)
    return serialize_number(number, request.context.now)
