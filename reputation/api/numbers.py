"""Phone numbers: the list, one of them, and adding, changing and removing."""

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
from reputation.api.objects import PathId, get_object_or_problem, get_referenced_campaign
from reputation.api.schemas.numbers import (
    CampaignReference,
    NumberCreateRequest,
    NumberFilters,
    NumberListResponse,
    NumberResponse,
    NumberUpdateRequest,
)
from reputation.models import PhoneNumber
from reputation.numbers.filters import NumberFilter

router = Router(tags=["Numbers"])


@operation(
    router, "GET", "/numbers", scope="read", answers={200: NumberListResponse}, refuses=("invalid", "cursor_invalid")
)
def list_numbers(request: ApiRequest, filters: Query[NumberFilters], asked: PageQuery) -> dict:
    """List numbers.

    In the order in which they were added, with the filters of the table in the portal.
    """
    numbers = PhoneNumber.objects.for_account(request.caller.account).select_related("campaign")
    found = NumberFilter.read(filters.dict()).apply(numbers, request.context.now)
    return paginate(
        found, asked, of="numbers", shown=lambda rows: [serialize_number(number, request) for number in rows]
    )


@operation(
    router,
    "POST",
    "/numbers",
    scope="write",
    answers={201: NumberResponse},
    refuses=("number_exists", "not_a_number"),
    body="json",
)
def add_number(request: ApiRequest, given: NumberCreateRequest, response: HttpResponse) -> Status:
    """Add a number.

    One that was removed comes back with its history. Monitoring is enabled apart from this.
    """
    try:
        parsed = phone_numbers.parse_caller_id(given.number)
    except InvalidPhoneNumber as error:
        raise validation_problem("body.number", str(error), code="not_a_number") from None
    added = phone_numbers.add(
        account=request.caller.account,
        parsed=parsed,
        label=given.label,
        source=given.source,
        campaign=get_referenced_campaign(request, given.campaign_id),
        context=request.context,
    )
    if added.now_is == "there":
        raise Problem("number_exists", id=added.number.pk)
    response["Location"] = reverse("api-1:get-number", args=[added.number.pk])
    return Status(201, _with_etag(added.number, request, response))


@operation(router, "GET", "/numbers/{number_id}", scope="read", answers={200: NumberResponse})
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
    answers={200: NumberResponse},
    body="json",
    versioned=True,
)
def change_number(
    request: ApiRequest, number_id: PathId, given: NumberUpdateRequest, response: HttpResponse
) -> NumberResponse:
    """Change a number's label, source or campaign."""
    number = get_object_or_problem(request, _numbers_for_update(), number_id)
    check_if_match(request, number_etag(number))
    sent = given.model_fields_set
    phone_numbers.change(
        number,
        label=number.label if given.label is None else given.label,
        source=given.source or number.source,
        campaign=get_referenced_campaign(request, given.campaign_id) if "campaign_id" in sent else number.campaign,
        context=request.context,
    )
    return _with_etag(get_object_or_problem(request, _numbers(), number_id), request, response)


@operation(router, "DELETE", "/numbers/{number_id}", scope="write", answers={204: None}, versioned=True)
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


def serialize_number(number: PhoneNumber, request: ApiRequest) -> NumberResponse:
    """Its `campaign` is read, so select it with the numbers."""
    return NumberResponse(
        id=number.pk,
        number=number.e164,
        region=number.region,
        label=number.label,
        source=number.source,
        campaign=CampaignReference(id=number.campaign.pk, name=number.campaign.name) if number.campaign else None,
        capability=number.capability,
        capability_since=number.capability_since,
        capability_reason=number.capability_reason,
        spam_status=number.shown_spam_status(request.context.now),
        is_tagged=number.is_tagged,
        tagged_since=number.tagged_since,
        checked_at=number.checked_at,
        fresh_until=number.fresh_until,
        added_at=number.added_at,
    )


def _numbers() -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.select_related("campaign")


def _numbers_for_update() -> QuerySet[PhoneNumber]:
    return _numbers().select_for_update(of=("self",))


def _with_etag(number: PhoneNumber, request: ApiRequest, response: HttpResponse) -> NumberResponse:
    response["ETag"] = number_etag(number)
    return serialize_number(number, request)
