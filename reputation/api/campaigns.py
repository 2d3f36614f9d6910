"""Outbound dialer campaigns: the list, one of them, and what may be changed of it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import Router, Status

from portal.api.authentication import ApiRequest
from portal.api.etags import check, etag
from portal.api.operations import endpoint
from portal.api.pagination import Page, page
from portal.api.problems import Problem
from reputation import campaigns
from reputation.api.objects import IdInPath, named, owned
from reputation.api.schemas.campaigns import CampaignChange, CampaignIn, CampaignOut, Campaigns, campaign_out
from reputation.campaigns import NameTaken, NotChanged
from reputation.models import Campaign, PhoneNumber

router = Router(tags=["Campaigns"])


@endpoint(router, "GET", "/campaigns", scope="read", answers={200: Campaigns}, refuses=("invalid", "cursor_invalid"))
def list_campaigns(request: ApiRequest, asked: Page) -> dict:
    """List campaigns.

    In the order in which they were added. Their numbers are in the list of numbers, with the filter `campaign`.
    """
    found = _campaigns().for_account(request.caller.account)
    return page(found, asked, of="campaigns", shown=lambda rows: [campaign_out(one) for one in rows])


@endpoint(router, "POST", "/campaigns", scope="write", answers={201: CampaignOut}, refuses=("name_taken",), body="json")
def add_campaign(request: ApiRequest, given: CampaignIn, response: HttpResponse) -> Status:
    """Add a campaign.

    It begins running, without numbers and without a default caller ID.
    """
    try:
        added = campaigns.create(
            account=request.caller.account,
            name=given.name.strip(),
            automatic_matching=given.automatic_matching,
            actor=request.actor,
            now=request.now,
        )
    except NameTaken as taken:
        raise Problem("name_taken", str(taken)) from None
    response["Location"] = reverse("api-1:get-campaign", args=[added.pk])
    return Status(201, _with_version(added, response))


@endpoint(router, "GET", "/campaigns/{campaign_id}", scope="read", answers={200: CampaignOut})
def get_campaign(request: ApiRequest, campaign_id: IdInPath, response: HttpResponse) -> CampaignOut:
    """Get a campaign."""
    return _with_version(owned(request, _campaigns(), campaign_id), response)


@endpoint(
    router,
    "PATCH",
    "/campaigns/{campaign_id}",
    scope="write",
    answers={200: CampaignOut},
    refuses=("name_taken", "not_possible"),
    body="json",
    versioned=True,
)
def change_campaign(
    request: ApiRequest, campaign_id: IdInPath, given: CampaignChange, response: HttpResponse
) -> CampaignOut:
    """Change a campaign's name, matching, default caller ID or daily limit, pause it or resume it.

    All of it, or nothing. Which numbers it calls from is changed by assigning and unassigning.
    """
    campaign = owned(request, _campaigns().select_for_update(of=("self",)), campaign_id)
    check(request, version(campaign))
    by = {"actor": request.actor, "now": request.now}
    try:
        if given.name is not None:
            campaigns.rename(campaign, name=given.name.strip(), shown=campaign.name, **by)
        if given.automatic_matching is not None:
            campaigns.set_matching(campaign, on=given.automatic_matching, **by)
        if given.is_paused is not None:
            (campaigns.pause if given.is_paused else campaigns.resume)(campaign, **by)
        if "default_number_id" in given.model_fields_set:
            named(request, PhoneNumber, given.default_number_id, where="body.default_number_id")
            shown = campaign.default_number_id
            campaigns.choose_default(campaign, number=given.default_number_id, shown=shown, **by)
        if "daily_limit" in given.model_fields_set:
            campaigns.set_daily_limit(campaign, calls=given.daily_limit, shown=campaign.daily_limit, **by)
    except NameTaken as taken:
        raise Problem("name_taken", str(taken)) from None
    except NotChanged as not_changed:
        raise Problem("not_possible", str(not_changed)) from None
    return _with_version(owned(request, _campaigns(), campaign_id), response)


def version(campaign: Campaign) -> str:
    return etag(
        campaign.pk,
        campaign.name,
        campaign.is_paused,
        campaign.automatic_matching,
        campaign.default_number_id,
        campaign.daily_limit,
    )


def _campaigns() -> QuerySet[Campaign]:
    return Campaign.objects.select_related("default_number", "account")


def _with_version(campaign: Campaign, response: HttpResponse) -> CampaignOut:
    response["ETag"] = version(campaign)
    return campaign_out(campaign)
