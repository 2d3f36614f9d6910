"""Account > API keys. Every member sees the list; owners create and revoke keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

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
    # Generated with the form, so that submitting it twice (a double click, a reload) creates one key.
    key_prefix = forms.RegexField(
        "[0-9a-f]{10}", widget=forms.HiddenInput, initial=api_keys.generate_prefix, required=False
    )
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        help_text="After this day it is refused. Empty: it works until it is revoked.",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"invalid": "This is not a date. Write it as 2027-12-31."},
    )

    def clean_expires_on(self) -> datetime | None:
        """The end of the day in the account's time zone."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        if day < timezone.localdate() or day.year > 9000:
            raise forms.ValidationError("This day is over. Choose today or a later one.")
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
        return timezone.make_aware(midnight)


@member_required
def api_key_list(request: MemberRequest) -> HttpResponse:
    keys = ApiKey.objects.for_account(request.account).select_related("created_by").order_by("-pk")
    now = timezone.now()
    context = {
        "keys": [(key, _get_state(key, now), [API_SCOPES[code] for code in key.scope_list]) for key in keys],
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
            expires_at=form.cleaned_data["expires_on"],
            prefix=form.cleaned_data["key_prefix"],
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


def _get_state(key: ApiKey, now: datetime) -> dict[str, Any]:
    if key.revoked_at:
        return {"word": "Revoked", "tone": "calm", "icon": "circle-minus", "works": False}
    if key.has_expired(now):
        return {"word": "Expired", "tone": "wait", "icon": "clock", "works": False}
    return {"word": "Works", "tone": "good", "icon": "check", "works": True}


urls = [
    path("account/api-keys/", api_key_list, name="api-keys"),
    path("account/api-keys/make/", create, name="api-key-create"),
    path("account/api-keys/<int:pk>/revoke/", revoke, name="api-key-revoke"),
]
