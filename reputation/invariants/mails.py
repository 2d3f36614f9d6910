"""The outbox of mails: what was sent is deleted, and what was not is sent or given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED
from portal.mail.delivery import MAX_RETRY_DELAY
from portal.mail.kinds import kinds
from portal.mail.server import MAX_PAUSE
from portal.models import MailServer, OutgoingMail
from reputation.invariants.registry import Invariant

# A clock that was wrong for a while may have planned an attempt a little too late.
_TOLERANCE = timedelta(hours=2)
State = OutgoingMail.State
_WAITING = Q(state=State.WAITING)


def _get_written_when_sent() -> list[str]:
    """The kinds of mails with a token, which are written at the moment they are sent."""
    return [code for code, kind in kinds.items() if kind.compose]


def _find_kept_texts(now: datetime) -> QuerySet[OutgoingMail]:
    return OutgoingMail.objects.filter(state=State.SENT).exclude(body="", params={}, headers={})


def _delete_texts(ids: Sequence[Any], now: datetime) -> None:
    sent = OutgoingMail.objects.filter(pk__in=in_list(ids), state=State.SENT)
    sent.update(body="", params={}, headers={})


def _find_stored_tokens(now: datetime) -> QuerySet[OutgoingMail]:
    return OutgoingMail.objects.filter(kind__in=_get_written_when_sent()).exclude(state=State.SENT).exclude(body="")


def _delete_tokens(ids: Sequence[Any], now: datetime) -> None:
    """The mails are written anew once they are sent."""
    OutgoingMail.objects.filter(pk__in=in_list(ids), kind__in=_get_written_when_sent()).update(body="")


def _find_without_text(now: datetime) -> QuerySet[OutgoingMail]:
    """Mails that are not sent and have nothing to send. A mail of a kind that is not known is left to its release."""
    stored = [code for code, kind in kinds.items() if not kind.compose]
    return OutgoingMail.objects.filter(body="", kind__in=stored).exclude(state=State.SENT)


def _find_wrong_ends(now: datetime) -> QuerySet[OutgoingMail]:
    is_held = Q(lease_until__isnull=False)
    return OutgoingMail.objects.filter(_WAITING & Q(ended_at__isnull=False) | ~_WAITING & (Q(ended_at=None) | is_held))


def _mend_ends(ids: Sequence[Any], now: datetime) -> None:
    """A mail that waits has no end, and one that has ended is held by nobody."""
    mails = OutgoingMail.objects.filter(pk__in=in_list(ids))
    mails.waiting().update(ended_at=None)
    mails.exclude(_WAITING).filter(ended_at=None).update(ended_at=now)
    mails.exclude(_WAITING).update(**RELEASED)


def _find_postponed(now: datetime) -> QuerySet[OutgoingMail]:
    return OutgoingMail.objects.waiting().filter(due_at__gt=now + MAX_RETRY_DELAY + _TOLERANCE)


def _make_due(ids: Sequence[Any], now: datetime) -> None:
    OutgoingMail.objects.waiting().filter(pk__in=in_list(ids)).update(due_at=now)


def _find_wrong_servers(now: datetime) -> QuerySet[MailServer]:
    disagrees = Q(failures=0) ^ Q(failing_since__isnull=True)
    is_paused = Q(failures=0, paused_until__isnull=False) | Q(paused_until__gt=now + MAX_PAUSE + _TOLERANCE)
    return MailServer.objects.filter(disagrees | is_paused)


def _forget_failures(ids: Sequence[Any], now: datetime) -> None:
    """The next mail shows whether the server works."""
    MailServer.objects.filter(pk__in=in_list(ids)).update(
        paused_until=None, failures=0, failing_since=None, error="", advice=""
    )


INVARIANTS = (
    Invariant("mail_texts", "The text of a mail is deleted once it is sent.", _find_kept_texts, _delete_texts),
    Invariant(
        "mail_tokens",
        "No text is stored of a mail with a link that holds a token.",
        _find_stored_tokens,
        _delete_tokens,
    ),
    Invariant("mails_with_text", "A mail that is not sent has a text, or a kind that writes it.", _find_without_text),
    Invariant(
        "mail_ends",
        "A mail has an end if and only if it was sent, refused or given up, and then no worker holds it.",
        _find_wrong_ends,
        _mend_ends,
    ),
    Invariant("mails_due", "A mail that waits is tried again within hours.", _find_postponed, _make_due),
    Invariant(
        "mail_server",
        "The mail server fails since some time if and only if it has counted failures, and mails wait for minutes.",
        _find_wrong_servers,
        _forget_failures,
    ),
)
