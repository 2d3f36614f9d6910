"""Set a person's password, and tell them by mail that it was set."""

from __future__ import annotations

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest

from portal.authentication.notices import send_notice
from portal.authentication.security_events.record import record
from portal.authentication.sessions import end_sessions
from portal.client_address import get_client_address
from portal.models import User

CHANGED, SET_BY_LINK = "password.changed", "password.set_by_link"
SENTENCES = {
    CHANGED: "Your password was changed. You are signed out everywhere else.",
    SET_BY_LINK: "Your password was set, with a link from a mail. You are signed out everywhere.",
}


def set_password(
    user: User, password: str, *, code: str, request: HttpRequest, now: datetime, kept_session: str | None = None
) -> bool:
    """Set the password, and tell the person. False, and nothing is changed, if it changed meanwhile.

    All sessions of the user end, since each holds a hash of the password. The view that keeps one, by its key, stores
    the new hash in it. `code` is that of the event: one of SENTENCES.
    """
    hashed = make_password(password)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, password=user.password).update(password=hashed):
            return False
        user.password = hashed
        end_sessions(UserSession.objects.filter(user=user).exclude(session_key=kept_session))
        record(request, user, code)
        send_notice(user, SENTENCES[code], address=get_client_address(request), now=now)
    return True
