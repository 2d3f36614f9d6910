"""Sign in, and confirm who you are, with an identity provider."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.access import MemberRequest, signed_in_required
from portal.authentication import throttling
from portal.authentication.openid_connect import (
    OAuth2Adapter,
    expect_answers,
    get_provider,
    get_provider_id,
    get_throttled_subject,
)
from portal.authentication.reauthentication import require_recent_sign_in
from portal.authentication.throttling import MustWait


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """A button leads here. A link would let other sites sign in whoever is signed in at the provider.

    The browser would not follow a form to another site (the CSP's form-action), so it gets a page that goes there.
    """
    provider = get_provider(request)
    next_url = get_next_redirect_url(request)
    if request.user.is_authenticated:
        return redirect(next_url or "overview")
    try:
        throttling.begin_attempt([get_throttled_subject(request)], now=timezone.now())
    except MustWait as error:
        messages.error(request, error.sentence)
        return redirect("account_login")
    with expect_answers(request):
        url = provider.redirect(request, AuthProcess.LOGIN, next_url)["Location"]
        return render(request, "portal/go_to_provider.html", {"name": settings.OIDC_NAME, "url": url})


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """The provider sends the browser back to here."""
    get_provider(request)
    with expect_answers(request):
        return OAuth2CallbackView.adapter_view(OAuth2Adapter(request, get_provider_id()))(request)


@require_GET
@signed_in_required
def confirm(request: MemberRequest) -> HttpResponse:
    """The page with the link to the provider. A form that needs a confirmation could not lead there itself."""
    get_provider(request)
    next_url = get_next_redirect_url(request) or reverse("overview")
    others = [
        method for method in get_adapter().get_reauthentication_methods(request.user) if method["url"] != request.path
    ]
    alternatives = [method | {"url": f"{method['url']}?{urlencode({'next': next_url})}"} for method in others]
    context = {"name": settings.OIDC_NAME, "next_url": next_url, "reauthentication_alternatives": alternatives}
    return render(request, "portal/confirm_with_provider.html", context)


@require_GET
@signed_in_required
def begin_confirmation(request: MemberRequest) -> HttpResponse:
    """The provider is asked not to rely on a sign-in of before."""
    next_url = get_next_redirect_url(request) or reverse("overview")
    done_url = f"{reverse('openid-connect-confirmed')}?{urlencode({'next': next_url})}"
    again = {"prompt": "login", "max_age": "0"}
    provider = get_provider(request)
    with expect_answers(request):
        return provider.redirect(request, AuthProcess.REDIRECT, done_url, auth_params=again)


@require_GET
@signed_in_required
def finish_confirmation(request: MemberRequest) -> HttpResponse:
    """Do what the person sent before they were asked who they are, or go on to where they were going."""
    require_recent_sign_in(request)
    return resume_request(request) or redirect("overview")


urls = [
    path("sign-in/provider/", sign_in, name="openid_connect_login"),
    path("sign-in/provider/callback/", callback, name="openid_connect_callback"),
    path("account/confirm/provider/", confirm, name="openid-connect-confirm"),
    path("account/confirm/provider/begin/", begin_confirmation, name="openid-connect-begin-confirmation"),
    path("account/confirm/provider/done/", finish_confirmation, name="openid-connect-confirmed"),
]
