"""Phone numbers: the list, one of them, and adding, changing and removing."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import Query, Router, Status

from portal.api.authentication import ApiRequest
from portal.api.etags import check, etag
from portal.api.operations import endpoint
from portal.api.pagination import Page, page
from portal.api.problems import Problem, wrong
from portal.phone.numbers import NotANumber
from reputation import phone_numbers
from reputation.api.objects import IdInPath, campaign_named, owned
from reputation.api.schemas.numbers import CampaignName, NumberChange, NumberFilters, NumberIn, NumberOut, Numbers
from reputation.models import PhoneNumber
from reputation.numbers.filters import NumberFilter

router = Router(tags=["Numbers"])


@endpoint(router, "GET", "/numbers", scope="read", answers={200: Numbers}, refuses=("invalid", "cursor_invalid"))
def list_numbers(request: ApiRequest, filters: Query[NumberFilters], asked: Page) -> dict:
    """List numbers.

    In the order in which they were added, with the filters of the table in the portal.
    """
    numbers = PhoneNumber.objects.for_account(request.caller.account).select_related("campaign")
    found = NumberFilter.read(filters.dict()).apply(numbers, request.now)
    return page(found, asked, of="numbers", shown=lambda rows: [said(number, request) for number in rows])


@endpoint(
    router,
    "POST",
    "/numbers",
    scope="write",
    answers={201: NumberOut},
    refuses=("number_exists", "not_a_number"),
    body="json",
)
def add_number(request: ApiRequest, given: NumberIn, response: HttpResponse) -> Status:
    """Add a number.

    One that was removed comes back with its history. Monitoring is enabled apart from this.
    """
    try:
        parsed = phone_numbers.parse_caller_id(given.number)
    except NotANumber as error:
        raise wrong("body.number", str(error), code="not_a_number") from None
    added = phone_numbers.add(
        account=request.caller.account,
        parsed=parsed,
        label=given.label,
        source=given.source,
        campaign=campaign_named(request, given.campaign_id),
        actor=request.actor,
        now=request.now,
    )
    if added.now_is == "there":
        raise Problem("number_exists", id=added.number.pk)
    response["Location"] = reverse("api-1:get-number", args=[added.number.pk])
    return Status(201, _with_version(added.number, request, response))


@endpoint(router, "GET", "/numbers/{number_id}", scope="read", answers={200: NumberOut})
def get_number(request: ApiRequest, number_id: IdInPath, response: HttpResponse) -> NumberOut:
    """Get a number.

    Its ETag stands for what can be changed: label, source and campaign.
    """
    return _with_version(owned(request, _numbers(), number_id), request, response)


@endpoint(
    router,
    "PATCH",
    "/numbers/{number_id}",
    scope="write",
    answers={200: NumberOut},
    body="json",
    versioned=True,
)
def change_number(request: ApiRequest, number_id: IdInPath, given: NumberChange, response: HttpResponse) -> NumberOut:
    """Change a number's label, source or campaign."""
    number = owned(request, _locked(), number_id)
    check(request, version(number))
    sent = given.model_fields_set
    phone_numbers.change(
        number,
        label=number.label if given.label is None else given.label,
        source=given.source or number.source,
        campaign=campaign_named(request, given.campaign_id) if "campaign_id" in sent else number.campaign,
        actor=request.actor,
        now=request.now,
    )
    return _with_version(owned(request, _numbers(), number_id), request, response)


@endpoint(router, "DELETE", "/numbers/{number_id}", scope="write", answers={204: None}, versioned=True)
def remove_number(request: ApiRequest, number_id: IdInPath) -> Status:
    """Remove a number.

    Monitoring stops and an open case is cancelled. The history is kept: adding the number again brings it back.
    """
    number = owned(request, _locked(), number_id)
    check(request, version(number))
    phone_numbers.remove([number.pk], actor=request.actor, now=request.now)
    return Status(204, None)


def version(number: PhoneNumber) -> str:
    return etag(number.pk, number.label, number.source, number.campaign_id)


def said(number: PhoneNumber, request: ApiRequest) -> NumberOut:
    """Its `campaign` is read, so select it with the numbers."""
    return NumberOut(
        id=number.pk,
        number=number.e164,
        region=number.region,
        label=number.label,
        source=number.source,
        campaign=CampaignName(id=number.campaign.pk, name=number.campaign.name) if number.campaign else None,
        capability=number.capability,
        capability_since=number.capability_since,
        capability_reason=number.capability_reason,
        spam_status=number.shown_spam_status(request.now),
        is_tagged=number.is_tagged,
        tagged_since=number.tagged_since,
        checked_at=number.checked_at,
        fresh_until=number.fresh_until,
        added_at=number.added_at,
    )


def _numbers() -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.select_related("campaign")


def _locked() -> QuerySet[PhoneNumber]:
    return _numbers().select_for_update(of=("self",))


def _with_version(number: PhoneNumber, request: ApiRequest, response: HttpResponse) -> NumberOut:
    response["ETag"] = version(number)
    return said(number, request)
