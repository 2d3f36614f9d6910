"""Account > Your settings: the person's name and mails, and, for owners, the account's name and time zone."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST

from portal.accounts import members, people
from portal.accounts import settings as account_settings
from portal.accounts.access import MemberRequest, member_required, owner_required
from portal.models import Member

US_TIME_ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
    "Pacific/Guam",
)


def get_time_zone_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All time zones as option groups of a select, those of the United States first."""
    others = sorted(name for name in available_timezones() if name not in US_TIME_ZONES)
    groups = {"United States": US_TIME_ZONES, "Everywhere": others}
    return [(group, [(name, name.replace("_", " ")) for name in names]) for group, names in groups.items()]


class ProfileForm(forms.Form):
    """The person's name, and for each of their accounts how often they get mail about spam tags."""

    name = forms.CharField(
        max_length=120,
        required=False,
        label="Your name",
        help_text="Other members see it, and the audit trail. Without it they see your e-mail address.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def __init__(self, *args: Any, memberships: list[Member], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.memberships = memberships
        for member in memberships:
            self.fields[f"digest_{member.pk}"] = forms.ChoiceField(
                label=f"Mail about spam tags in {member.account.name}",
                choices=Member.Digest.choices,
                initial=member.digest,
                help_text="Which numbers were newly tagged or cleared, and where remediation failed. No mail if there "
                "is nothing new.",
            )

    def digests(self) -> list[tuple[Member, str]]:
        return [(member, self.cleaned_data[f"digest_{member.pk}"]) for member in self.memberships]


class AccountForm(forms.Form):
    """The form sends the values it was rendered with, so that an outdated page changes only what its reader changed."""

    name = forms.CharField(
        max_length=120,
        label="Account name",
        show_hidden_initial=True,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": "The account needs a name."},
    )
    time_zone = forms.ChoiceField(
        choices=get_time_zone_choices,
        show_hidden_initial=True,
        help_text="Times in the portal and in mails are shown in it, and licences begin and end by its days.",
    )
    requires_second_factor = forms.BooleanField(
        required=False,
        show_hidden_initial=True,
        label="Members need a second factor",
        help_text="Whoever has none adds a passkey or an app at their next request. Sign in with yours first.",
    )


@member_required
def preferences(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return _render_page(request)
    form = ProfileForm(request.POST, memberships=request.memberships)
    if not form.is_valid():
        return _render_page(request, profile_form=form)
    people.update_person(request.user, name=form.cleaned_data["name"], context=request.context)
    for member, digest in form.digests():
        if digest != member.digest:
            members.set_digest(member, digest=digest, now=timezone.now())
    messages.success(request, "Saved.")
    return redirect("preferences")


@require_POST
@owner_required
def change_account(request: MemberRequest) -> HttpResponse:
    form = AccountForm(request.POST, auto_id="account_%s")
    if not form.is_valid():
        return _render_page(request, account_form=form)
    values = {field: form.cleaned_data[field] for field in form.changed_data}
    changed = account_settings.update_account(request.account, **values, context=request.context)
    messages.success(request, "Saved." if changed else "Nothing was different, so nothing was changed.")
    return redirect("preferences")


def _render_page(
    request: MemberRequest, *, profile_form: ProfileForm | None = None, account_form: AccountForm | None = None
) -> HttpResponse:
    account = request.account
    shown = {field: getattr(account, field) for field in AccountForm.base_fields}
    context = {
        "profile_form": profile_form
        or ProfileForm(initial={"name": request.user.name}, memberships=request.memberships),
        "account_form": account_form or AccountForm(initial=shown, auto_id="account_%s"),
    }
    return render(request, "portal/preferences.html", context)


urls = [
    path("account/settings/", preferences, name="preferences"),
    path("account/settings/account/", change_account, name="account-settings"),
]
