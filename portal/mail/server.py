"""The pause of all mails after a failure that is not the fault of one: a refused sign-in, or a server that is down."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from portal.mail.failures import Failure
from portal.models import MailServer

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=30)
# Short, so that mails go out soon after somebody corrected the setting or the server is back.
MAX_PAUSE = timedelta(minutes=5)


def get_server() -> MailServer:
    """What is known about the mail server. An unsaved row if it never failed."""
    return MailServer.objects.first() or MailServer()


def is_paused(now: datetime) -> bool:
    return MailServer.objects.filter(paused_until__gt=now).exists()


def pause(failure: Failure, now: datetime) -> None:
    """Let all mails wait: 30 seconds, then 1, 2, 4 minutes, and then 5 after each further failure."""
    server = get_server()
    server.paused_until = now + min(FIRST_PAUSE * 2 ** min(server.failures, 10), MAX_PAUSE)
    server.failing_since = server.failing_since or now
    server.failures += 1
    server.error, server.advice = failure.what, failure.advice
    server.save()
    logger.error("All mails wait until %s: %s %s", f"{server.paused_until:%H:%M:%S} UTC", failure.what, failure.advice)


def note_success() -> None:
    """A mail was taken, so the server works."""
    if MailServer.objects.filter(failures__gt=0).update(
        paused_until=None, failures=0, failing_since=None, error="", advice=""
    ):
        logger.info("The mail server takes mails again")


def end_pause() -> None:
    """Try again at once, because somebody says so."""
    MailServer.objects.update(paused_until=None)
