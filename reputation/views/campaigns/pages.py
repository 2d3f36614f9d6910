"""The pages of campaigns."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.models import today_of
from portal.phone.numbers import InvalidPhoneNumber
from portal.phone.search import MAX_SEARCH_LENGTH
from reputation import campaigns
from reputation.campaigns import NameTaken
from reputation.matching import statistics
from reputation.matching.explain import MatchExplanation, explain_match
from reputation.matching.skipped_share import SkippedShare
from reputation.models import BulkAction, Campaign, PhoneNumber
from reputation.models.campaigns import get_default_caller_id
from reputation.number_table.alerts import build_rows
from reputation.number_table.scope import NumberScope
from reputation.views.campaigns.forms import (
    WHEN_ALL_LABELLED_EXPLANATIONS,
    CampaignForm,
    MatchTestForm,
    WhenAllLabelled,
)
from reputation.views.number_table import find_due_verification, get_bulk_buttons, read_number_table

Action = BulkAction.Action

# The warning about a tagged default caller ID, by whether automatic matching is on.
TAGGED_DEFAULT_NOTES = {
    True: "It is the default caller ID of this campaign. Automatic matching skips tagged numbers, but never the "
    "default: where no other number matches, calls will still show it.",
    False: "It is the default caller ID of this campaign, and automatic matching is off: every call will still show "
    "it.",
}

Status = PhoneNumber.SpamStatus
# The numbers with a tag are counted in these states of remediation. LAST_SEEN is not tagged, and skipped as well.
PARTS_OF_TAGGED = (Status.IN_REMEDIATION, Status.FAILED)
# A number with one of these may carry a label.
UNKNOWN_STATUSES = (PhoneNumber.STALE, Status.UNKNOWN, Status.NOT_MONITORED)


@member_required
def campaign_list(request: MemberRequest) -> HttpResponse:
    rows = campaigns.build_campaign_rows(request.account, request.context.now)
    return render(request, "reputation/campaigns.html", {"rows": rows})


@editor_required
def add_campaign(request: MemberRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None, initial={"automatic_matching": True})
    if request.method == "POST" and form.is_valid():
        try:
            added = campaigns.create(account=request.account, **form.cleaned_data, context=request.context)
        except NameTaken as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"{added} was added. Add the numbers it calls from next.")
            return redirect("campaign", added.pk)
    return render(request, "reputation/campaign_add.html", {"form": form})


@member_required
def campaign_detail(request: MemberRequest, pk: int) -> HttpResponse:
    campaign = get_account_object_or_404(request, Campaign.objects.select_related("default_number"), pk)
    return render_campaign(request, campaign, _get_settings_form(campaign))


@editor_required
def search_default_caller_id(request: MemberRequest, pk: int) -> HttpResponse:
    """Search the account's numbers, each with a button that chooses it. htmx gets only the results."""
    campaign = get_account_object_or_404(request, Campaign.objects.select_related("default_number"), pk)
    text = request.GET.get("find", "").replace("\x00", "")[:MAX_SEARCH_LENGTH]
    now = request.context.now
    offered, more = campaigns.get_caller_id_choices(campaign, text)
    context = {
        "campaign": campaign,
        "default": get_default_caller_id(campaign),
        "find": text,
        "offered": build_rows(offered, now),
        "more": more,
    }
    template = "_default_caller_id_results.html" if request.htmx else "default_caller_id.html"
    return render(request, f"reputation/{template}", context)


@editor_required
def assign_numbers(request: MemberRequest, pk: int) -> HttpResponse:
    """The account's numbers that are not in the campaign, to be selected and assigned."""
    campaign = get_account_object_or_404(request, Campaign, pk)
    context = {
        "campaign": campaign,
        "table": read_number_table(request, NumberScope(request.account, not_in_campaign=campaign)),
        "bulk": get_bulk_buttons(Action.ASSIGN, campaign=campaign),
        "bulk_actions": BulkAction.objects.for_account(request.account).in_progress(),
    }
    return render(request, "reputation/campaign_assign.html", context)


def render_campaign(request: MemberRequest, campaign: Campaign, form: CampaignForm) -> HttpResponse:
    now = request.context.now
    default = get_default_caller_id(campaign)
    table = read_number_table(request, NumberScope(request.account, in_campaign=campaign))
    counts = {tally.value: tally.count for tally in table.status_counts}
    call_form, explanation = _run_match_test(request, campaign, now)
    cost = statistics.get_campaign_statistics(campaign, today_of(request.account, now))
    context = {
        "campaign": campaign,
        "form": form,
        "call_form": call_form,
        "explanation": explanation,
        "cost": cost,
        "sampling_rate": settings.RECORD_DECISIONS,
        "default": build_rows([default], now)[0] if default else None,
        "default_note": f"{_get_default_note(campaign, default)} {cost.default_sentence}",
        "table": table,
        "verification_due_since": find_due_verification(table, now),
        "tagged": [tally for tally in table.status_counts if tally.count and tally.value in PARTS_OF_TAGGED],
        "tagged_count": counts[Status.TAGGED],
        "last_seen_count": counts[Status.LAST_SEEN],
        "share": SkippedShare(campaign, counts[Status.TAGGED] + counts[Status.LAST_SEEN], table.scope_total),
        "when_all_labelled": WHEN_ALL_LABELLED_EXPLANATIONS[WhenAllLabelled(campaign.when_all_labelled)],
        "not_known": [tally for tally in table.status_counts if tally.count and tally.value in UNKNOWN_STATUSES],
        "bulk": get_bulk_buttons(Action.UNASSIGN, campaign=campaign),
        "bulk_actions": BulkAction.objects.for_account(request.account).in_progress(),
    }
    return render(request, "reputation/campaign.html", context)


def _get_default_note(campaign: Campaign, default: PhoneNumber | None) -> str:
    """What the alert about the default caller ID adds. A number at risk is not skipped, so nothing is special."""
    if default and default.is_at_risk:
        return "It is the default caller ID of this campaign."
    return TAGGED_DEFAULT_NOTES[campaign.automatic_matching]


def _run_match_test(
    request: MemberRequest, campaign: Campaign, now: datetime
) -> tuple[MatchTestForm, MatchExplanation | None]:
    """*Try it*: explain the match for the number in the query parameter `call`, if there is one."""
    form = MatchTestForm(request.GET if "call" in request.GET else None)
    if not form.is_valid():
        return form, None
    try:
        return form, explain_match(campaign, form.cleaned_data["call"], now, form.cleaned_data["carrier"])
    except InvalidPhoneNumber as error:
        form.add_error("call", str(error))
        return form, None


def _get_settings_form(campaign: Campaign) -> CampaignForm:
    fields = ("name", "automatic_matching", "daily_limit", "when_all_labelled", "shows_on_other_networks")
    return CampaignForm(initial={field: getattr(campaign, field) for field in fields})
