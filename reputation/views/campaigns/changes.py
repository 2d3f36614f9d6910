"""Changes of a campaign: settings, pause, resume, default caller ID."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404
from portal.db.keyset import parse_id
from reputation import campaigns
from reputation.campaigns import CampaignError, NameTaken
from reputation.models import Campaign
from reputation.models.campaigns import get_default_caller_id
from reputation.views.campaigns.forms import CampaignForm
from reputation.views.campaigns.pages import render_campaign


@require_POST
@editor_required
def change_campaign(request: MemberRequest, pk: int) -> HttpResponse:
    """Make the change that the button names.

    Each change is bound to the value that the page showed, so that a stale page overwrites nothing.
    """
    campaign = get_account_object_or_404(request, Campaign.objects.select_related("default_number"), pk)
    handler = CHANGE_HANDLERS.get(request.POST.get("change", ""))
    if handler is None:
        raise Http404("There is no such change.")
    try:
        return handler(request, campaign) or redirect("campaign", pk)
    except CampaignError as error:
        messages.error(request, str(error))
        return redirect("campaign", pk)


def _change_settings(request: MemberRequest, campaign: Campaign) -> HttpResponse | None:
    form = CampaignForm(request.POST)
    if not form.is_valid():
        return render_campaign(request, campaign, form)
    to = form.cleaned_data
    try:
        with transaction.atomic():  # all settings or none
            changed = campaigns.rename(
                campaign, name=to["name"], expected_name=form.initial_name, context=request.context
            )
            if "automatic_matching" in form.changed_data:
                changed |= campaigns.set_automatic_matching(
                    campaign, enabled=to["automatic_matching"], context=request.context
                )
            if "when_all_labelled" in form.changed_data:
                changed |= campaigns.set_when_all_labelled(
                    campaign, choice=to["when_all_labelled"], context=request.context
                )
            if "shows_on_other_networks" in form.changed_data:
                changed |= campaigns.set_shows_on_other_networks(
                    campaign, enabled=to["shows_on_other_networks"], context=request.context
                )
            if "daily_limit" in form.changed_data:
                limits = {"limit": to["daily_limit"], "expected_limit": form.initial_daily_limit}
                changed |= campaigns.set_daily_limit(campaign, **limits, context=request.context)
    except NameTaken as error:
        form.add_error("name", str(error))
        return render_campaign(request, campaign, form)
    messages.success(request, "Saved." if changed else "Nothing was different, so nothing was changed.")
    return None


def _pause(request: MemberRequest, campaign: Campaign) -> None:
    paused = campaigns.pause(campaign, context=request.context)
    messages.success(
        request, f"{campaign} is paused: the dialer makes no calls for it." if paused else "It was paused."
    )


def _resume(request: MemberRequest, campaign: Campaign) -> None:
    resumed = campaigns.resume(campaign, context=request.context)
    messages.success(request, f"{campaign} is running again." if resumed else "It was running already.")


def _set_default_caller_id(request: MemberRequest, campaign: Campaign) -> None:
    changed = campaigns.set_default_number(
        campaign,
        number_id=parse_id(request.POST.get("number")) or None,
        expected_id=parse_id(request.POST.get("shown")) or None,
        context=request.context,
    )
    campaign.refresh_from_db()
    default = get_default_caller_id(campaign)
    message = f"The default caller ID is {default}." if default else "The campaign has no default caller ID."
    messages.success(request, message if changed else "Nothing was different, so nothing was changed.")


CHANGE_HANDLERS: dict[str, Callable[[MemberRequest, Campaign], HttpResponse | None]] = {
    "settings": _change_settings,
    "pause": _pause,
    "resume": _resume,
    "default": _set_default_caller_id,
}
