"""Where a person is signed in, and how sessions end: by the person, by a new password, or by their time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal.client_address import get_client_address
from portal.db.in_list import in_list
from portal.models import User

ACTIVE_AT = "active_at"
BEGAN_AT = "began_at"
# A session notes its activity once in this many seconds, so that most requests write nothing.
NOTED_EVERY_SECONDS = 60
BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    (r"iPhone|iPad", "iOS"),
    (r"Mac OS X|Macintosh", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Ending:
    """Why a session ends: for the audit trail, and for the person."""

    cause: str
    sentence: str


IDLE = Ending("nothing was done for a while", "You were signed out, because nothing was done for a while.")
TOO_OLD = Ending(
    "longest time of a session",
    "You were signed out, because you signed in a long time ago. Sign in again to continue.",
)


def get_sessions(user: User) -> QuerySet[UserSession]:
    """The person's sessions that have not ended, the last active first."""
    kept = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    return UserSession.objects.filter(Exists(kept), user=user).order_by("-last_seen_at", "-pk")


def end_sessions(sessions: QuerySet[UserSession]) -> int:
    """Sign the person out of these sessions; return of how many."""
    with transaction.atomic():
        keys = list(sessions.values_list("session_key", flat=True))
        Session.objects.filter(session_key__in=in_list(keys)).delete()
        UserSession.objects.filter(session_key__in=in_list(keys)).delete()
    return len(keys)


def describe_client(user_agent: str) -> str:
    """The browser and the system that a User-Agent header names, such as "Firefox on Windows"."""
    browser = next((name for part, name in BROWSERS if part in user_agent), "")
    system = next((name for pattern, name in SYSTEMS if re.search(pattern, user_agent)), "")
    return " on ".join(filter(None, (browser, system))) or "Another program"


def note_activity(request: HttpRequest) -> None:
    """Note that the person is there, at most once in NOTED_EVERY_SECONDS."""
    now = time.time()
    if abs(now - request.session.get(ACTIVE_AT, 0)) < NOTED_EVERY_SECONDS:
        return
    request.session[ACTIVE_AT] = now
    request.session.setdefault(BEGAN_AT, now)
    UserSession.objects.filter(session_key=request.session.session_key).update(
        last_seen_at=timezone.now(), ip=get_client_address(request) or F("ip")
    )


def find_ending(session: SessionBase, *, in_administration: bool) -> Ending | None:
    """Why the session ends now, if it does. Times that a session of an earlier release lacks begin to count now."""
    now = time.time()
    idle_minutes = settings.ADMIN_IDLE_MINUTES if in_administration else settings.IDLE_MINUTES
    if now - session.get(ACTIVE_AT, now) > idle_minutes * 60:
        return IDLE
    hours = settings.ADMIN_SESSION_HOURS if in_administration else settings.SESSION_DAYS * 24
    return TOO_OLD if now - session.get(BEGAN_AT, now) > hours * 60 * 60 else None


def begin_activity(request: HttpRequest, **kwargs: Any) -> None:
    request.session[BEGAN_AT] = request.session[ACTIVE_AT] = time.time()


def renew_session_key(request: HttpRequest) -> None:
    """Give the session another key. Whoever learned the former one can do nothing with it. The list keeps the entry."""
    former = request.session.session_key
    with transaction.atomic():
        request.session.cycle_key()
        UserSession.objects.filter(session_key=former).update(session_key=request.session.session_key)


def connect_signals() -> None:
    user_logged_in.connect(begin_activity, dispatch_uid="begin_activity")
