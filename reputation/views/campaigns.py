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

from portal.accounts.access import MemberRequest, changing_view, member_view, owned
from portal.models import today_of
from portal.phone.numbers import NotANumber
from reputation import campaigns
from reputation.campaigns import MOST_CALLS, NameTaken, NotChanged
from reputation.matching import statistics
from reputation.matching.explain import Trial, try_call
from reputation.models import Campaign, Confirmation, PhoneNumber
from reputation.models.campaigns import default_of
from reputation.number_table import table as number_table
from reputation.number_table.alerts import rows_of
from reputation.views.number_reputation import bulk, rows_still_shown

Action = Confirmation.Action


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
        max_value=MOST_CALLS,
        show_hidden_initial=True,
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
        help_text="So many calls a day show the same number; then it is skipped, like a tagged one, until the next "
        "day. The default caller ID is shown beyond it. Empty: no limit.",
        error_messages={
            "invalid": "Write a whole number, such as 75, or leave it empty for no limit.",
            "min_value": "A limit is at least 1 call a day. Leave it empty for no limit, or pause the campaign.",
            "max_value": f"A limit is at most {MOST_CALLS:,} calls a day. Leave it empty for no limit.",
        },
    )

    @property
    def shown_name(self) -> str:
        return self.data.get(self.add_initial_prefix("name"), "").replace("\x00", "")

    @property
    def shown_daily_limit(self) -> int | None:
        return _id(self.data.get(self.add_initial_prefix("daily_limit")))


class CallForm(forms.Form):
    """A number to call, for *Try it*."""

    call = forms.CharField(
        label="Number to call",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "placeholder": "(206) 555-0143"}),
        error_messages={"required": "Write the number to call, as (206) 555-0143 or +12065550143."},
    )


@member_view
def campaign_list(request: MemberRequest) -> HttpResponse:
    rows = campaigns.rows_of_campaigns(request.account, timezone.now())
    return render(request, "reputation/campaigns.html", {"rows": rows})


@changing_view
def add(request: MemberRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None, initial={"automatic_matching": True})
    if request.method == "POST" and form.is_valid():
        try:
            added = campaigns.create(
                account=request.account, **form.cleaned_data, actor=request.actor, now=timezone.now()
            )
        except NameTaken as taken:
            form.add_error("name", str(taken))
        else:
            messages.success(request, f"{added} was added. Add the numbers it calls from next.")
            return redirect("campaign", added.pk)
    return render(request, "reputation/campaign_add.html", {"form": form})


@member_view
def campaign(request: MemberRequest, pk: int) -> HttpResponse:
    shown = owned(request, Campaign.objects.select_related("default_number"), pk)
    return _page(request, shown, _settings_of(shown))


@require_POST
@changing_view
def change(request: MemberRequest, pk: int) -> HttpResponse:
    """Does one of CHANGES; each says what its page showed, so that a page opened long ago overwrites nothing."""
    shown = owned(request, Campaign.objects.select_related("default_number"), pk)
    do = CHANGES.get(request.POST.get("change", ""))
    if do is None:
        raise Http404("There is no such change.")
    try:
        return do(request, shown) or redirect("campaign", pk)
    except NotChanged as not_changed:
        messages.error(request, str(not_changed))
        return redirect("campaign", pk)


def _change_settings(request: MemberRequest, shown: Campaign) -> HttpResponse | None:
    form = CampaignForm(request.POST)
    if not form.is_valid():
        return _page(request, shown, form)
    to, by = form.cleaned_data, {"actor": request.actor, "now": timezone.now()}
    try:
        with transaction.atomic():  # all of it, or nothing
            changed = campaigns.rename(shown, name=to["name"], shown=form.shown_name, **by)
            if "automatic_matching" in form.changed_data:
                changed |= campaigns.set_matching(shown, on=to["automatic_matching"], **by)
            if "daily_limit" in form.changed_data:
                limits = {"calls": to["daily_limit"], "shown": form.shown_daily_limit}
                changed |= campaigns.set_daily_limit(shown, **limits, **by)
    except NameTaken as taken:
        form.add_error("name", str(taken))
        return _page(request, shown, form)
    messages.success(request, "Saved." if changed else "Nothing was different, so nothing was changed.")
    return None


def _pause(request: MemberRequest, shown: Campaign) -> None:
    paused = campaigns.pause(shown, actor=request.actor, now=timezone.now())
    messages.success(request, f"{shown} is paused: the dialer makes no calls for it." if paused else "It was paused.")


def _resume(request: MemberRequest, shown: Campaign) -> None:
    resumed = campaigns.resume(shown, actor=request.actor, now=timezone.now())
    messages.success(request, f"{shown} is running again." if resumed else "It was running already.")


def _choose_default(request: MemberRequest, shown: Campaign) -> None:
    changed = campaigns.choose_default(
        shown,
        number=_id(request.POST.get("number")),
        shown=_id(request.POST.get("shown")),
        actor=request.actor,
        now=timezone.now(),
    )
    shown.refresh_from_db()
    default = default_of(shown)
    said = f"The default caller ID is {default}." if default else "The campaign has no default caller ID."
    messages.success(request, said if changed else "Nothing was different, so nothing was changed.")


CHANGES: dict[str, Callable[[MemberRequest, Campaign], HttpResponse | None]] = {
    "settings": _change_settings,
    "pause": _pause,
    "resume": _resume,
    "default": _choose_default,
}


@changing_view
def choose_default(request: MemberRequest, pk: int) -> HttpResponse:
    """A search among the account's numbers, with a button at each: a page, or to htmx the results alone."""
    shown = owned(request, Campaign.objects.select_related("default_number"), pk)
    text = request.GET.get("find", "").replace("\x00", "")[:80]
    now = timezone.now()
    offered, more = campaigns.offered_caller_ids(shown, text)
    context = {
        "campaign": shown,
        "default": default_of(shown),
        "find": text,
        "offered": rows_of(offered, now),
        "more": more,
    }
    template = "_campaign_caller_ids.html" if request.htmx else "campaign_default.html"
    return render(request, f"reputation/{template}", context)


@changing_view
def assign(request: MemberRequest, pk: int) -> HttpResponse:
    """The account's numbers that are not in the campaign, to be ticked and assigned."""
    shown = owned(request, Campaign, pk)
    table = number_table.read(
        request.GET,
        scope=number_table.Scope(request.account, outside=shown),
        now=timezone.now(),
        still_shown=rows_still_shown(request),
    )
    context = {
        "campaign": shown,
        "table": table,
        "bulk": bulk(Action.ASSIGN, campaign=shown),
        "under_way": Confirmation.objects.for_account(request.account).under_way(),
    }
    return render(request, "reputation/campaign_assign.html", context)


def _page(request: MemberRequest, shown: Campaign, form: CampaignForm) -> HttpResponse:
    now = timezone.now()
    default = default_of(shown)
    table = number_table.read(
        request.GET,
        scope=number_table.Scope(request.account, inside=shown),
        now=now,
        still_shown=rows_still_shown(request),
    )
    call_form, trial = _tried(request, shown, now)
    context = {
        "campaign": shown,
        "form": form,
        "call_form": call_form,
        "trial": trial,
        "cost": statistics.cost_of_tags(shown, today_of(request.account, now)),
        "one_in": settings.RECORD_DECISIONS,
        "default": rows_of([default], now)[0] if default else None,
        "table": table,
        "tagged": [tally for tally in table.tallies if tally.count and tally.value in TAGGED_TALLIES],
        "tagged_count": sum(tally.count for tally in table.tallies if tally.value in TAGGED_TALLIES),
        "bulk": bulk(Action.UNASSIGN, campaign=shown),
        "under_way": Confirmation.objects.for_account(request.account).under_way(),
    }
    return render(request, "reputation/campaign.html", context)


def _tried(request: MemberRequest, shown: Campaign, now: datetime) -> tuple[CallForm, Trial | None]:
    """What the address asks for with `call`, and the answer, if it is a number."""
    form = CallForm(request.GET if "call" in request.GET else None)
    if not form.is_valid():
        return form, None
    try:
        return form, try_call(shown, form.cleaned_data["call"], now)
    except NotANumber as not_a_number:
        form.add_error("call", str(not_a_number))
        return form, None


def _settings_of(shown: Campaign) -> CampaignForm:
    fields = ("name", "automatic_matching", "daily_limit")
    return CampaignForm(initial={field: getattr(shown, field) for field in fields})


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


# The tallies of a table of numbers that together are the numbers carrying a label.
TAGGED_TALLIES = ("tagged", PhoneNumber.SpamStatus.IN_REMEDIATION, PhoneNumber.SpamStatus.FAILED)

urls = [
    path("outbound-dialer/campaigns/", campaign_list, name="campaigns"),
    path("outbound-dialer/campaigns/add/", add, name="campaign-add"),
    path("outbound-dialer/campaigns/<int:pk>/", campaign, name="campaign"),
    path("outbound-dialer/campaigns/<int:pk>/change/", change, name="campaign-change"),
    path("outbound-dialer/campaigns/<int:pk>/default/", choose_default, name="campaign-default"),
    path("outbound-dialer/campaigns/<int:pk>/assign/", assign, name="campaign-assign"),
]
