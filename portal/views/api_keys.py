"""Account > API keys. Every member sees the list; owners create and revoke keys, and take over those of others."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache

from portal.accounts import api_keys
from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required, owner_required
from portal.accounts.roles import API_SCOPES
from portal.models import ApiKey


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        max_length=80,
        help_text="What uses it, such as Dialer in Seattle. The audit trail names the key by it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the key a name, such as Dialer in Seattle."},
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(scope.code, f"{scope.label}: {scope.description}") for scope in API_SCOPES.values()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose what the key may do."},
    )
    lifetime = forms.TypedChoiceField(
        label="It works for",
        coerce=int,
        choices=[(30, "30 days"), (90, "90 days"), (180, "180 days"), (api_keys.LIFETIME.days, "A year")],
        initial=api_keys.LIFETIME.days,
        help_text="Then it is refused. Owners get a mail 30, 7 and 1 days before.",
        error_messages={"required": "Choose for how long the key works."},
    )
    expires_on = forms.DateField(
        label="Or until this day",
        required=False,
        help_text="The last day on which it works, at most a year from now.",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "This is not a date. Write it as 2027-12-31."},
    )
    allowed_networks = forms.CharField(
        label="Only from these addresses",
        required=False,
        max_length=4000,
        help_text="IP addresses or networks of the system that uses it, as 203.0.113.7, 203.0.113.0/24 or "
        "2001:db8::/32. Empty: from everywhere.",
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
    )
    # Generated with the form, so that submitting it twice (a double click, a reload) creates one key.
    form_token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4, required=False)

    def clean_expires_on(self) -> date | None:
        day = self.cleaned_data["expires_on"]
        if day and day < timezone.localdate():
            raise forms.ValidationError("This day is over. Choose today or a later one.")
        if day and day > timezone.localdate() + api_keys.LIFETIME:
            raise forms.ValidationError("A key works for a year at most. Choose an earlier day.")
        return day

    def clean_allowed_networks(self) -> str:
        try:
            return api_keys.normalize_networks(self.cleaned_data["allowed_networks"])
        except api_keys.InvalidNetwork as error:
            raise forms.ValidationError(str(error)) from None

    def get_expiry(self) -> datetime:
        """The end of the key's last day in the account's time zone."""
        lifetime = timedelta(days=self.cleaned_data["lifetime"])
        last_day = self.cleaned_data["expires_on"] or timezone.localdate() + lifetime
        return timezone.make_aware(datetime.combine(last_day + timedelta(days=1), datetime.min.time()))


@member_required
def api_key_list(request: MemberRequest) -> HttpResponse:
    keys = api_keys.with_holders(ApiKey.objects.for_account(request.account)).order_by("-pk")
    now = timezone.now()
    context = {
        "keys": [
            (key, _get_state(key, now, is_held=key.is_held), [API_SCOPES[code] for code in key.scope_list])
            for key in keys
        ],
    }
    return render(request, "portal/api_keys.html", context)


@never_cache
@owner_required
def create(request: MemberRequest) -> HttpResponse:
    """Show the form. After it is submitted, show the token, this once: it is not stored."""
    form = ApiKeyForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "portal/api_key_create.html", {"form": form})
    try:
        key, token = api_keys.create_api_key(
            account=request.account,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.get_expiry(),
            allowed_networks=form.cleaned_data["allowed_networks"],
            form_token=form.cleaned_data["form_token"],
            context=request.context,
        )
    except api_keys.DuplicateApiKey:
        messages.info(
            request,
            "This key was made already, and is shown only once: no second one was made. If you did not copy it, "
            "revoke it and make another.",
        )
        return redirect("api-keys")
    return render(request, "portal/api_key_created.html", {"key": key, "token": token})


@owner_required
def revoke(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then revoke the key."""
    key = get_account_object_or_404(request, ApiKey.objects.select_related("account"), pk)
    if request.method == "POST" or key.revoked_at:
        if request.method == "POST" and api_keys.revoke_api_key(key, context=request.context):
            messages.success(request, f"{key.name} was revoked. Requests with it are refused from now on.")
        else:
            messages.info(request, f"{key.name} was revoked before. Nothing was changed.")
        return redirect("api-keys")
    return render(request, "portal/api_key_revoke.html", {"key": key})


@owner_required
def take_over(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then make the owner the holder of the key."""
    keys = api_keys.with_holders(ApiKey.objects.select_related("account"))
    key = get_account_object_or_404(request, keys, pk)
    if request.method != "POST":
        return render(request, "portal/api_key_take_over.html", {"key": key})
    if api_keys.take_over_api_key(key, context=request.context):
        messages.success(request, f"You answer for {key.name} from now on.")
    else:
        messages.info(request, f"{key.name} is yours already, or was revoked. Nothing was changed.")
    return redirect("api-keys")


def _get_state(key: ApiKey, now: datetime, *, is_held: bool) -> dict[str, Any]:
    if key.revoked_at:
        return {"word": "Revoked", "tone": "calm", "icon": "circle-minus", "works": False}
    if key.has_expired(now):
        return {"word": "Expired", "tone": "wait", "icon": "clock", "works": False}
    if not is_held:
        return {"word": "Stopped", "tone": "bad", "icon": "circle-pause", "works": False}
    return {"word": "Works", "tone": "good", "icon": "check", "works": True}


urls = [
    path("account/api-keys/", api_key_list, name="api-keys"),
    path("account/api-keys/make/", create, name="api-key-create"),
    path("account/api-keys/<int:pk>/revoke/", revoke, name="api-key-revoke"),
    path("account/api-keys/<int:pk>/take-over/", take_over, name="api-key-take-over"),
]
