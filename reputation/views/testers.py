"""Testers: invite and revoke them, and their own page, which needs no account.

The address of that page holds the secret. So it is not cached, not indexed and not passed on as a referrer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.access import MemberRequest, editor_required, get_account_object_or_404
from portal.body_limits import takes_upload
from reputation.models import Telephone, Tester
from reputation.test_calls import testers
from reputation.test_calls.rounds import Caller
from reputation.views.call_station import ACTIONS, Action, CallStation, get_panel_context, perform, record, respond
from reputation.views.label_photos import get_upload_limit_mb

TesterView = Callable[..., HttpResponse]


class InviteForm(forms.Form):
    name = forms.CharField(
        label="Who",
        max_length=80,
        help_text="The name of the person who has this telephone, for your list and the audit trail.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Write who the link is for, such as Anna."},
    )


@never_cache
@editor_required
def invite(request: MemberRequest, pk: int) -> HttpResponse:
    """Show the form. After it is submitted, show the link, this once: only its hash is stored."""
    in_use = Telephone.objects.in_use().select_related("account")
    telephone = get_account_object_or_404(request, in_use, pk)
    form = InviteForm(request.POST or None)
    context: dict[str, Any] = {"telephone": telephone, "days": settings.TEST_CALLS.tester_days}
    if request.method != "POST" or not form.is_valid():
        return render(request, "reputation/tester_invite.html", context | {"form": form})
    tester, token = testers.invite_tester(telephone, form.cleaned_data["name"], context=request.context)
    link = settings.PUBLIC_URL + reverse("tester", args=[token])
    return render(request, "reputation/tester_invited.html", context | {"tester": tester, "link": link})


@editor_required
def revoke(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, then revoke the link."""
    tester = get_account_object_or_404(request, Tester.objects.select_related("account", "telephone"), pk)
    if request.method == "POST" or tester.revoked_at:
        if request.method == "POST" and testers.revoke_tester(tester, context=request.context):
            messages.success(request, f"The link of {tester} was revoked. It does not work any more.")
        else:
            messages.info(request, f"The link of {tester} was revoked before. Nothing was changed.")
        return redirect("test-calls")
    return render(request, "reputation/tester_revoke.html", {"tester": tester})


class _CsrfWithoutReferrer(CsrfViewMiddleware):
    """The same check of the token. A page without a referrer sends the origin *null* with its forms."""

    def _origin_verified(self, request: HttpRequest) -> bool:
        # Not in the stubs of Django.
        return request.META["HTTP_ORIGIN"] == "null" or super()._origin_verified(request)  # type: ignore[misc]


_csrf_protected = decorator_from_middleware(_CsrfWithoutReferrer)


def tester_required(view: TesterView) -> TesterView:
    """Restrict the view to a link that works. Others get a page that says what to do."""

    @wraps(view)
    def inner(request: HttpRequest, token: str) -> HttpResponse:
        tester = testers.find_tester(token, timezone.now())
        if tester is None:
            response = render(request, "reputation/tester_ended.html", status=404)
        else:
            with timezone.override(ZoneInfo(tester.account.time_zone)):
                response = view(request, _get_station(tester, token))
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return cast(TesterView, csrf_exempt(never_cache(_csrf_protected(inner))))


def _is_tester(request: HttpRequest, *, token: str) -> bool:
    return testers.find_tester(token, timezone.now()) is not None


def _get_station(tester: Tester, token: str) -> CallStation:
    return CallStation(
        account=tester.account,
        caller=Caller(tester=tester),
        now=timezone.now(),
        url=reverse("tester", args=[token]),
    )


def _render_page(request: HttpRequest, station: CallStation, panel: dict[str, Any]) -> HttpResponse:
    return render(request, "reputation/tester.html", {"tester": station.caller.tester, **panel})


@require_GET
@tester_required
def tester_page(request: HttpRequest, station: CallStation) -> HttpResponse:
    return _render_page(request, station, get_panel_context(station))


def _as_tester(action: Action) -> TesterView:
    """The view of an action for testers."""

    @require_POST
    @tester_required
    def view(request: HttpRequest, station: CallStation) -> HttpResponse:
        outcome = perform(action, request, station)
        return respond(request, station, outcome, lambda panel: _render_page(request, station, panel))

    return takes_upload(_is_tester, limit_mb=get_upload_limit_mb)(view) if action is record else view


urls = [
    path("number-management/test-calls/telephones/<int:pk>/invite/", invite, name="telephone-invite"),
    path("number-management/test-calls/testers/<int:pk>/revoke/", revoke, name="test-tester-revoke"),
    path("t/<str:token>/", tester_page, name="tester"),
    *(path(f"t/<str:token>/{name}/", _as_tester(action), name=f"tester-{name}") for name, action in ACTIONS.items()),
]
