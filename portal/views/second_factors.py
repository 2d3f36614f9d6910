"""Account > Your sign-in: passkeys, the app for codes, and recovery codes. The views are django-allauth's."""

from __future__ import annotations

from functools import wraps

from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.views.generic import RedirectView

from portal.accounts.access import MemberRequest, View, signed_in_required
from portal.authentication.second_factors import get_requirement
from portal.authentication.sessions import describe_client, get_sessions

MAX_SESSIONS = 50


class IndexView(base.IndexView):
    request: MemberRequest

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        own_key = self.request.session.session_key
        sessions = [
            (session, describe_client(session.user_agent), session.session_key == own_key)
            for session in get_sessions(self.request.user)[:MAX_SESSIONS]
        ]
        return super().get_context_data(**kwargs) | {
            "second_factor_is_missing": get_requirement(self.request),
            "sessions": sessions,
        }


def factor_required(view: View) -> View:
    """For pages of a factor that a person has. Whoever has none, or opens an old page, gets the list of factors."""

    @wraps(view)
    def inner(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Http404:
            return redirect("mfa_index")

    return signed_in_required(inner)


urls = [
    path("account/sign-in/", signed_in_required(IndexView.as_view()), name="mfa_index"),
    path("account/sign-in/app/", signed_in_required(totp.activate_totp), name="mfa_activate_totp"),
    path("account/sign-in/app/remove/", factor_required(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "account/sign-in/codes/",
        factor_required(recovery_codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "account/sign-in/codes/make/",
        signed_in_required(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/sign-in/codes/save/",
        factor_required(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path(
        "account/sign-in/passkeys/",
        signed_in_required(RedirectView.as_view(pattern_name="mfa_index")),
        name="mfa_list_webauthn",
    ),
    path("account/sign-in/passkeys/add/", signed_in_required(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path(
        "account/sign-in/passkeys/<int:pk>/rename/",
        signed_in_required(webauthn.edit_webauthn),
        name="mfa_edit_webauthn",
    ),
    path(
        "account/sign-in/passkeys/<int:pk>/remove/",
        signed_in_required(webauthn.remove_webauthn),
        name="mfa_remove_webauthn",
    ),
    path("account/confirm/code/", signed_in_required(base.reauthenticate), name="mfa_reauthenticate"),
    path(
        "account/confirm/passkey/",
        signed_in_required(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    # Without sign-in: what comes after the password, and a passkey instead of the password.
    path("sign-in/second-factor/", base.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
]
