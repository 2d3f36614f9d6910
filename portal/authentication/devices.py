"""Browsers in which a person signed in before. What others guess does not make them wait.

A signed cookie names up to MAX_PEOPLE people, and for each an id of this browser. It lets nobody in. The idea is that
of the device cookies of the OWASP: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

from portal.models import User

LIFETIME = timedelta(days=365)
SALT = "portal.authentication.devices"
MAX_PEOPLE = 5


def get_device_id(request: HttpRequest, email: str) -> str:
    """The id of this browser if the person with this address signed in with it before. Otherwise ""."""
    return _read(request).get(_normalize(email), "")


def remember_device(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Note in the browser that the person signed in with it."""
    known = _read(request)
    device = known.pop(user.email, "") or secrets.token_hex(8)
    kept = dict(list(known.items())[-(MAX_PEOPLE - 1) :])
    response.set_cookie(
        get_cookie_name(),
        signing.dumps(kept | {user.email: device}, salt=SALT, compress=True),
        max_age=LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def get_cookie_name() -> str:
    return "__Host-device" if settings.SESSION_COOKIE_SECURE else "device"


def _read(request: HttpRequest) -> dict[str, str]:
    try:
        value = signing.loads(request.COOKIES.get(get_cookie_name(), ""), salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return {}
    return value if isinstance(value, dict) else {}


def _normalize(email: str) -> str:
    return email.strip().lower()
