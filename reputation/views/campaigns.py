"""Outbound Dialer > Campaigns: the list, a campaign's own page, its default caller ID, and numbers to add."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404, member_required
from portal.models import today_of
from portal.phone.numbers import InvalidPhoneNumber
from reputation import campaigns
from reputation.campaigns import MAX_DAILY_LIMIT, CampaignError, NameTaken
from reputation.matching import statistics
from reputation.matching.explain import MatchExplanation, explain_match
from reputation.models import BulkAction, Campaign, PhoneNumber
from reputation.models.campaigns import get_default_caller_id
from reputation.number_table import table as number_table
from reputation.number_table.alerts import build_rows
from reputation.views.number_reputation import bulk_action_context, get_displayed_ids

Action = BulkAction.Action


class CampaignForm(forms.Form):
    """The fields carry what they showed, so that a page opened long ago changes only what its reader changed."""

    name = forms.CharField(
        max_length=80,
        show_hidden_initial=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the campaign a name, such as Spring renewals."},
    )
    automatic_matching = forms.BooleanField(
        label="Automatic caller ID matching",
        required=False,
        show_hidden_initial=True,
        help_text="On: a call shows one of the campaign's numbers that is local to the called person, and tagged "
        "numbers are skipped until their tag is gone. Off: every call shows the default caller ID.",
    )

    daily_limit = forms.IntegerField(
        label="Daily limit of calls per number",
        required=False,
        min_value=1,
        max_value=MAX_DAILY_LIMIT,
        show_hidden_initial=True,
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
        help_text="So many calls a day show the same number; then it is skipped, like a tagged one, until the next "
        "day. The default caller ID is shown beyond it. Empty: no limit.",
        error_messages={
            "invalid": "Write a whole number, such as 75, or leave it empty for no limit.",
            "min_value": "A limit is at least 1 call a day. Leave it empty for no limit, or pause the campaign.",
            "max_value": f"A limit is at most {MAX_DAILY_LIMIT:,} calls a day. Leave it empty for no limit.",
        },
    )

    @property
    def shown_name(self) -> str:
        return self.data.get(self.add_initial_prefix("name"), "").replace("\x00", "")

    @property
    def shown_daily_limit(self) -> int | None:
        return _parse_id(self.data.get(self.add_initial_prefix("daily_limit")))


class MatchTestForm(forms.Form):
    """A number to call, for *Try it*."""

    call = forms.CharField(
        label="Number to call",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "placeholder": "(206) 555-0143"}),
        error_messages={"required": "Write the number to call, as (206) 555-0143 or +12065550143."},
    )


@member_required
def campaign_list(request: MemberRequest) -> HttpResponse:
    rows = campaigns.build_campaign_rows(request.account, timezone.now())
    return render(request, "reputation/campaigns.html", {"rows": rows})


@editor_required
def add_campaign(request: MemberRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None, initial={"automatic_matching": True})
    if request.method == "POST" and form.is_valid():
        try:
            added = campaigns.create(account=request.account, **form.cleaned_data, context=request.context)
        except NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, f"{added} was added. Add the numbers it calls from next.")
            return redirect("campaign", added.pk)
    return render(request, "reputation/campaign_add.html", {"form": form})


@member_required
def campaign_detail(request: MemberRequest, pk: int) -> HttpResponse:
    shown = get_account_object_or_404(request, Campaign.objects.select_related("default_number"), pk)
    return _render_campaign(request, shown, _get_settings_form(shown))


@require_POST
@editor_required
def change_campaign(request: MemberRequest, pk: int) -> HttpResponse:
    """Does one of CHANGES; each says what its page showed, so that a page opened long ago overwrites nothing."""
    shown = get_account_object_or_404(request, Campaign.objects.select_related("default_number"), pk)
    do = CHANGE_HANDLERS.get(request.POST.get("change", ""))
    if do is None:
        raise Http404("There is no such change.")
    try:
        return do(request, shown) or redirect("campaign", pk)
    except CampaignError as not_changed:
        messages.error(request, str(not_changed))
        return redirect("campaign", pk)


def _change_settings(request: MemberRequest, shown: Campaign) -> HttpResponse | None:
    form = CampaignForm(request.POST)
    if not form.is_valid():
        return _render_campaign(request, shown, form)
    to = form.cleaned_data
    try:
        with transaction.atomic():  # all of it, or nothing
            changed = campaigns.rename(shown, name=to["name"], shown=form.shown_name, context=request.context)
            if "automatic_matching" in form.changed_data:
                changed |= campaigns.set_automatic_matching(shown, on=to["automatic_matching"], context=request.context)
            if "daily_limit" in form.changed_data:
                limits = {"calls": to["daily_limit"], "shown": form.shown_daily_limit}
                changed |= campaigns.set_daily_limit(shown, **limits, context=request.context)
    except NameTaken as taken:
        form.add_error("name", str(taken))
        return _render_campaign(request, shown, form)
    messages.success(request, "Saved." if changed else "Nothing was different, so nothing was changed.")
    return None


def _pause(request: MemberRequest, shown: Campaign) -> None:
    paused = campaigns.pause(shown, context=request.context)
    messages.success(request, f"{shown} is paused: the dialer makes no calls for it." if paused else "It was paused.")


def _resume(request: MemberRequest, shown: Campaign) -> None:
    resumed = campaigns.resume(shown, context=request.context)
    messages.success(request, f"{shown} is running again." if resumed else "It was running already.")


def _set_default_caller_id(request: MemberRequest, shown: Campaign) -> None:
    changed = campaigns.set_default_number(
        shown,
        number=_parse_id(request.POST.get("number")),
        shown=_parse_id(request.POST.get("shown")),
        context=request.context,
    )
    shown.refresh_from_db()
    default = get_default_caller_id(shown)
    said = f"The default caller ID is {default}." if default else "The campaign has no default caller ID."
    messages.success(request, said if changed else "Nothing was different, so nothing was changed.")


CHANGE_HANDLERS: dict[str, Callable[[MemberRequest, Campaign], HttpResponse | None]] = {
    "settings": _change_settings,
    "pause": _pause,
    "resume": _resume,
    "default": _set_default_caller_id,
}


@editor_required
def search_default_caller_id(request: MemberRequest, pk: int) -> HttpResponse:
    """A search among the account's numbers, with a button at each: a page, or to htmx the results alone."""
    shown = get_account_object_or_404(request, Campaign.objects.select_related("default_number"), pk)
    text = request.GET.get("find", "").replace("\x00", "")[:80]
    now = timezone.now()
    offered, more = campaigns.get_caller_id_choices(shown, text)
    context = {
        "campaign": shown,
        "default": get_default_caller_id(shown),
        "find": text,
        "offered": build_rows(offered, now),
        "more": more,
    }
    template = "_campaign_caller_ids.html" if request.htmx else "campaign_default.html"
    return render(request, f"reputation/{template}", context)


@editor_required
def assign_numbers(request: MemberRequest, pk: int) -> HttpResponse:
    """The account's numbers that are not in the campaign, to be ticked and assigned."""
    shown = get_account_object_or_404(request, Campaign, pk)
    table = number_table.get_number_table(
        request.GET,
        scope=number_table.NumberScope(request.account, outside=shown),
        now=timezone.now(),
        still_shown=get_displayed_ids(request),
    )
    context = {
        "campaign": shown,
        "table": table,
        "bulk": bulk_action_context(Action.ASSIGN, campaign=shown),
        "under_way": BulkAction.objects.for_account(request.account).under_way(),
    }
    return render(request, "reputation/campaign_assign.html", context)


def _render_campaign(request: MemberRequest, shown: Campaign, form: CampaignForm) -> HttpResponse:
    now = timezone.now()
    default = get_default_caller_id(shown)
    table = number_table.get_number_table(
        request.GET,
        scope=number_table.NumberScope(request.account, inside=shown),
        now=now,
        still_shown=get_displayed_ids(request),
    )
    call_form, trial = _run_match_test(request, shown, now)
    context = {
        "campaign": shown,
        "form": form,
        "call_form": call_form,
        "trial": trial,
        "cost": statistics.get_campaign_statistics(shown, today_of(request.account, now)),
        "one_in": settings.RECORD_DECISIONS,
        "default": build_rows([default], now)[0] if default else None,
        "table": table,
        "tagged": [tally for tally in table.tallies if tally.count and tally.value in TAGGED_STATUSES],
        "tagged_count": sum(tally.count for tally in table.tallies if tally.value in TAGGED_STATUSES),
        "bulk": bulk_action_context(Action.UNASSIGN, campaign=shown),
        "under_way": BulkAction.objects.for_account(request.account).under_way(),
    }
    return render(request, "reputation/campaign.html", context)


def _run_match_test(
    request: MemberRequest, shown: Campaign, now: datetime
) -> tuple[MatchTestForm, MatchExplanation | None]:
    """What the address asks for with `call`, and the answer, if it is a number."""
    form = MatchTestForm(request.GET if "call" in request.GET else None)
    if not form.is_valid():
        return form, None
    try:
        return form, explain_match(shown, form.cleaned_data["call"], now)
    except InvalidPhoneNumber as not_a_number:
        form.add_error("call", str(not_a_number))
        return form, None


def _get_settings_form(shown: Campaign) -> CampaignForm:
    fields = ("name", "automatic_matching", "daily_limit")
    return CampaignForm(initial={field: getattr(shown, field) for field in fields})


def _parse_id(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


# The tallies of a table of numbers that together are the numbers carrying a label.
TAGGED_STATUSES = ("tagged", PhoneNumber.SpamStatus.IN_REMEDIATION, PhoneNumber.SpamStatus.FAILED)

urls = [
    path("outbound-dialer/campaigns/", campaign_list, name="campaigns"),
    path("outbound-dialer/campaigns/add/", add_campaign, name="campaign-add"),
    path("outbound-dialer/campaigns/<int:pk>/", campaign_detail, name="campaign"),
    path("outbound-dialer/campaigns/<int:pk>/change/", change_campaign, name="campaign-change"),
    path("outbound-dialer/campaigns/<int:pk>/default/", search_default_caller_id, name="campaign-default"),
    path("outbound-dialer/campaigns/<int:pk>/assign/", assign_numbers, name="campaign-assign"),
]
