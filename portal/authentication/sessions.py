"""Where a person is signed in, and how sessions end: by the person, by a new password, or because nothing is done."""

from __future__ import annotations

import re
import time
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
from portal.models import User

ACTIVE_AT = "active_at"
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


def get_sessions(user: User) -> QuerySet[UserSession]:
    """The person's sessions that have not ended, the last active first."""
    kept = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    return UserSession.objects.filter(Exists(kept), user=user).order_by("-last_seen_at", "-pk")


def end_sessions(sessions: QuerySet[UserSession]) -> int:
    """Sign the person out of these sessions; return of how many."""
    with transaction.atomic():
        keys = list(sessions.values_list("session_key", flat=True))
        Session.objects.filter(session_key__in=keys).delete()
        UserSession.objects.filter(session_key__in=keys).delete()
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
    UserSession.objects.filter(session_key=request.session.session_key).update(
        last_seen_at=timezone.now(), ip=get_client_address(request) or F("ip")
    )


def is_idle(session: SessionBase, *, in_administration: bool) -> bool:
    """Whether nothing was done for longer than settings allow. Sessions of an earlier release begin to count now."""
    minutes = settings.ADMIN_IDLE_MINUTES if in_administration else settings.IDLE_MINUTES
    return ACTIVE_AT in session and time.time() - session[ACTIVE_AT] > minutes * 60


def begin_activity(request: HttpRequest, **kwargs: Any) -> None:
    request.session[ACTIVE_AT] = time.time()


def connect_signals() -> None:
    user_logged_in.connect(begin_activity, dispatch_uid="begin_activity")
