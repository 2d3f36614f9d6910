"""When a person last proved who they are. What matters most needs that to be recent: OWASP ASVS 5, chapter 7.5."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import authentication_step_completed
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from portal.authentication.sessions import renew_session_key

AUTHENTICATED_AT = "authenticated_at"
PROVED_AT = "proved_to_identity_provider_at"


def was_recently_authenticated(session: SessionBase) -> bool:
    """Whether the session's person signed in, or confirmed who they are, within settings.REAUTHENTICATION_SECONDS."""
    age = time.time() - session.get(AUTHENTICATED_AT, 0)
    # A time in the future is from a clock that was set right since.
    return 0 <= age < settings.REAUTHENTICATION_SECONDS


def require_recent_sign_in(request: HttpRequest) -> None:
    """Raises ReauthenticationRequired, for which allauth's middleware asks the person, and then repeats the request."""
    if not was_recently_authenticated(request.session):
        raise ReauthenticationRequired


def note_authentication(request: HttpRequest, **kwargs: Any) -> None:
    request.session[AUTHENTICATED_AT] = time.time()


def note_proof(request: HttpRequest, at: float) -> None:
    """Note when the person signed in at an identity provider, in seconds since 1970."""
    request.session[PROVED_AT] = at


def note_sign_in(request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> None:
    """What nothing but an identity provider proved, it may have been told long ago, by whoever sat there then."""
    note_authentication(request)
    records = get_authentication_records(request, user)
    if records and records[-1]["method"] == "socialaccount":
        request.session[AUTHENTICATED_AT] = request.session.pop(PROVED_AT, 0)


def connect_signals() -> None:
    """Sign-in by any way, and each confirmation of a person who is signed in."""
    user_logged_in.connect(note_sign_in, dispatch_uid="note_sign_in")
    authentication_step_completed.connect(note_confirmation, dispatch_uid="note_confirmation")


def note_confirmation(request: HttpRequest, reauthenticated: bool = False, **kwargs: Any) -> None:
    """A step of a sign-in that is not complete does not count. Signing in gives the session a new key anyway."""
    if reauthenticated:
        note_authentication(request)
        renew_session_key(request)
