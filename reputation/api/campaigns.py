"""Outbound dialer campaigns: list, get, add and change."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import Router, Status

from portal.api.authentication import ApiRequest
from portal.api.etags import check_if_match, etag
from portal.api.operations import operation
from portal.api.pagination import PageQuery, paginate
from portal.api.problems import Problem
from reputation import campaigns
from reputation.api.objects import PathId, get_object_or_problem, get_referenced_object
from reputation.api.schemas.campaigns import (
    CampaignCreateRequest,
    CampaignListResponse,
    CampaignResponse,
    CampaignUpdateRequest,
    serialize_campaign,
)
from reputation.campaigns import CampaignError, NameTaken
from reputation.models import Campaign, PhoneNumber

router = Router(tags=["Campaigns"])


@operation(
    router,
    "GET",
    "/campaigns",
    scope="read",
    responses={200: CampaignListResponse},
    problems=("invalid", "cursor_invalid"),
)
def list_campaigns(request: ApiRequest, page_params: PageQuery) -> dict:
    """List campaigns.

    In the order in which they were added. Their numbers are in the list of numbers, with the filter `campaign`.
    """
    found = Campaign.objects.for_account(request.caller.account).select_related("default_number", "account")
    return paginate(
        found,
        page_params,
        list_name="campaigns",
        serialize=lambda rows: [serialize_campaign(campaign) for campaign in rows],
    )


@operation(
    router,
    "POST",
    "/campaigns",
    scope="write",
    responses={201: CampaignResponse},
    returns_etag=True,
    problems=("name_taken",),
    body="json",
)
def add_campaign(request: ApiRequest, payload: CampaignCreateRequest, response: HttpResponse) -> Status:
    """Add a campaign.

    It begins running, without numbers and without a default caller ID.
    """
    try:
        added = campaigns.create(
            account=request.caller.account,
            name=payload.name.strip(),
            automatic_matching=payload.automatic_matching,
            when_all_labelled=payload.when_all_labelled,
            shows_on_other_networks=payload.shows_on_other_networks,
            context=request.context,
        )
    except NameTaken as taken:
        raise Problem("name_taken", str(taken)) from None
    response["Location"] = reverse("api-1:get-campaign", args=[added.pk])
    return Status(201, _with_etag(added, response))


@operation(
    router, "GET", "/campaigns/{campaign_id}", scope="read", responses={200: CampaignResponse}, returns_etag=True
)
def get_campaign(request: ApiRequest, campaign_id: PathId, response: HttpResponse) -> CampaignResponse:
    """Get a campaign."""
    return _with_etag(get_object_or_problem(request, _campaigns(), campaign_id), response)


@operation(
    router,
    "PATCH",
    "/campaigns/{campaign_id}",
    scope="write",
    responses={200: CampaignResponse},
    returns_etag=True,
    problems=("name_taken", "not_possible"),
    body="json",
    checks_if_match=True,
)
def change_campaign(
    request: ApiRequest, campaign_id: PathId, payload: CampaignUpdateRequest, response: HttpResponse
) -> CampaignResponse:
    """Change a campaign's name, matching, default caller ID or daily limit, pause it or resume it.

    All of it, or nothing. Which numbers it calls from is changed by assigning and unassigning.
    """
    campaign = get_object_or_problem(request, _campaigns().select_for_update(of=("self",)), campaign_id)
    check_if_match(request, campaign_etag(campaign))
    try:
        if payload.name is not None:
            campaigns.rename(campaign, name=payload.name.strip(), expected_name=campaign.name, context=request.context)
        if payload.automatic_matching is not None:
            campaigns.set_automatic_matching(campaign, enabled=payload.automatic_matching, context=request.context)
        if payload.when_all_labelled is not None:
            campaigns.set_when_all_labelled(campaign, choice=payload.when_all_labelled, context=request.context)
        if payload.shows_on_other_networks is not None:
            campaigns.set_shows_on_other_networks(
                campaign, enabled=payload.shows_on_other_networks, context=request.context
            )
        if payload.is_paused is not None:
            (campaigns.pause if payload.is_paused else campaigns.resume)(campaign, context=request.context)
        if "default_number_id" in payload.model_fields_set:
            get_referenced_object(request, PhoneNumber, payload.default_number_id, location="body.default_number_id")
            shown = campaign.default_number_id
            campaigns.set_default_number(
                campaign, number_id=payload.default_number_id, expected_id=shown, context=request.context
            )
        if "daily_limit" in payload.model_fields_set:
            campaigns.set_daily_limit(
                campaign, limit=payload.daily_limit, expected_limit=campaign.daily_limit, context=request.context
            )
    except NameTaken as taken:
        raise Problem("name_taken", str(taken)) from None
    except CampaignError as not_changed:
        raise Problem("not_possible", str(not_changed)) from None
    return _with_etag(get_object_or_problem(request, _campaigns(), campaign_id), response)


def campaign_etag(campaign: Campaign) -> str:
    return etag(
        campaign.pk,
        campaign.name,
        campaign.is_paused,
        campaign.automatic_matching,
        campaign.default_number_id,
        campaign.daily_limit,
        campaign.when_all_labelled,
        campaign.shows_on_other_networks,
    )


def _campaigns() -> QuerySet[Campaign]:
    return Campaign.objects.select_related("default_number", "account")


def _with_etag(campaign: Campaign, response: HttpResponse) -> CampaignResponse:
    response["ETag"] = campaign_etag(campaign)
    return serialize_campaign(campaign)
