"""End sessions in which nothing was done for a while, or that began long ago."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal.authentication.security_events.record import record
from portal.authentication.sessions import find_ending, note_activity

# What the browser forgets of the portal. Cookies of known browsers stay: they keep others from locking the person out.
CLEARED_AT_SIGN_OUT = '"cache", "storage"'


def session_limits_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """What an open page asks by itself (the header X-Live) does not keep a session alive."""

    def middleware(request: HttpRequest) -> HttpResponse:
        # A request without a session, such as one to the API, costs nothing here.
        was_signed_in = False
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            was_signed_in = True
            in_administration = request.path.startswith(reverse("admin:index"))
            if ending := find_ending(request.session, in_administration=in_administration):
                record(request, request.user, "sign_in.ended", after=ending.cause)
                logout(request)
                messages.info(request, ending.sentence)
            elif "X-Live" not in request.headers:
                note_activity(request)
        response = get_response(request)
        if was_signed_in and request.is_secure() and not request.user.is_authenticated:
            response.headers["Clear-Site-Data"] = CLEARED_AT_SIGN_OUT
        return response

    return middleware
