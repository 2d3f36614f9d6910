"""Send the mails that are due, one by one over one connection, each under a claim of its own.

If a process dies between handing a mail in and noting it, that mail is sent again, with the same Message-ID. Nothing
else is sent twice.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone

from portal.db.outages import is_outage
from portal.jobs.claims import RowClaim, claim_row, unclaimed
from portal.mail import server
from portal.mail.failures import Failure, Scope, describe_failure
from portal.mail.kinds import kinds
from portal.mail.messages import build_email
from portal.models import OutgoingMail

logger = logging.getLogger(__name__)

State = OutgoingMail.State

# The longest that one mail may take. Each answer of the server may take settings.EMAIL_TIMEOUT.
SEND_SECONDS = 60
# How long a process tries to note that a mail was sent while the database cannot be written.
NOTE_SECONDS = 30
FIRST_RETRY_DELAY = timedelta(minutes=2)
MAX_RETRY_DELAY = timedelta(hours=6)
# About three days.
MAX_ATTEMPTS = 20
# So many mails in a row failed in a way that may be the fault of the server: then it is.
MAX_SUSPICIONS = 3
# Some servers limit how many mails they take over one connection.
MAX_PER_CONNECTION = 50
WORKER_DIED = "The process ended while it sent the mail, each time."


def get_retry_delay(attempts: int) -> timedelta:
    """How long until the next attempt after this many: 2, 4, 8 minutes, and so on up to six hours."""
    return min(FIRST_RETRY_DELAY * 2 ** min(max(attempts - 1, 0), 20), MAX_RETRY_DELAY)


class MailSender:
    """A connection to the mail server for one run of the task. It is opened for the first mail, and kept."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock = clock
        self._connection: Any = None
        # Mails that were taken over this connection.
        self._taken = 0
        self._suspicions = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send_next(self) -> int:
        """Send the mail that has been due for longest. Return 0 if none is due, or all have to wait."""
        now = self._clock()
        free = OutgoingMail.objects.due(now).filter(unclaimed(now)).order_by("due_at", "pk")
        key = free.values_list("pk", flat=True).first()
        if key is None or server.is_paused(now) or not self._open():
            return 0
        claim = claim_row(OutgoingMail.objects.due(now), key, now=now, attempts=F("attempts") + 1)
        if claim is None:  # another worker was quicker
            return 1
        may_continue = self._send_claimed(claim.row.get(), claim)
        if self._taken >= MAX_PER_CONNECTION:
            self._close()
        _keep_rate()
        return int(may_continue)

    def _open(self) -> bool:
        """Connect and sign in, unless that is done. False if it fails; then all mails wait."""
        if self._connection is not None:
            return True
        backend = get_connection()
        try:
            backend.open()
        except Exception as error:
            backend.close()
            server.pause(describe_failure(error), self._clock())
            return False
        self._connection, self._taken = backend, 0
        return True

    def _close(self) -> None:
        backend, self._connection = self._connection, None
        if backend is not None:
            try:
                backend.close()
            except Exception as error:  # The mails are sent; a server that is rude at the end changes nothing.
                logger.info("The connection to the mail server did not end in order: %s", error)

    def _send_claimed(self, mail: OutgoingMail, claim: RowClaim[OutgoingMail]) -> bool:
        """Send one mail and note what came of it. False if all mails have to wait."""
        if mail.attempts > MAX_ATTEMPTS:
            _end(claim, State.GIVEN_UP, mail.last_error or WORKER_DIED, self._clock())
            return True
        try:
            email = _compose(mail)
        except Exception as error:
            if is_outage(error):  # the task gives the mail back
                raise
            logger.exception("Mail %s (%s) could not be written", mail.pk, mail.kind)
            _postpone(mail, claim, f"The portal could not write the mail: {type(error).__name__}.", self._clock())
            return True
        if email is None:
            claim.row.delete()
            return True
        if failure := self._hand_in(email):
            return self._note_failure(mail, claim, failure)
        _note_sent(mail, claim, str(email.subject), self._clock)
        self._suspicions = 0
        self._taken += 1
        if self._taken == 1:
            server.note_success()
        return True

    def _hand_in(self, email: EmailMessage) -> Failure | None:
        """Hand the mail in to the server. Return why it was not taken."""
        try:
            with _time_limit(self._connection):
                self._connection.send_messages([email])
        except Exception as error:
            if not isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError):
                self._close()
            return describe_failure(error)
        return None

    def _note_failure(self, mail: OutgoingMail, claim: RowClaim[OutgoingMail], failure: Failure) -> bool:
        """False if all mails have to wait."""
        logger.warning("Mail %s (%s) was not taken: %s", mail.pk, mail.kind, failure.what)
        now = self._clock()
        if failure.scope is Scope.MAIL_REFUSED:
            _end(claim, State.REFUSED, failure.what, now)
        elif failure.scope is Scope.SERVER:
            # Behind the others: if it is the fault of this mail after all, it does not keep them waiting.
            claim.release(attempts=F("attempts") - 1, due_at=now, last_error=failure.what)
        else:
            _postpone(mail, claim, failure.what, now)
        self._suspicions += failure.scope is Scope.MAYBE_SERVER
        if failure.scope is Scope.SERVER or self._suspicions >= MAX_SUSPICIONS:
            self._close()
            server.pause(failure, now)
            return False
        return True


def _compose(mail: OutgoingMail) -> EmailMessage | None:
    """The mail of the row. None if its kind says that nobody is to get it any more."""
    if mail.body:
        return build_email(mail, subject=mail.subject, body=mail.body)
    compose = kinds[mail.kind].compose
    message = compose(mail.params) if compose else None
    return build_email(mail, subject=message.subject_line, body=message.render()) if message else None


def _postpone(mail: OutgoingMail, claim: RowClaim[OutgoingMail], error: str, now: datetime) -> None:
    if mail.attempts >= MAX_ATTEMPTS:
        _end(claim, State.GIVEN_UP, error, now)
    else:
        claim.release(due_at=now + get_retry_delay(mail.attempts), last_error=error)


def _end(claim: RowClaim[OutgoingMail], state: str, error: str, now: datetime) -> None:
    """The text stays until the row is deleted, so that an operator can have it sent once the cause is gone."""
    claim.release(state=state, ended_at=now, last_error=error)


def _note_sent(mail: OutgoingMail, claim: RowClaim[OutgoingMail], subject: str, clock: Callable[[], datetime]) -> None:
    """Note that the mail was taken, and delete its text.

    While the database cannot be written, try again, since the mail would be sent a second time. Raises DatabaseError
    after NOTE_SECONDS.
    """
    until = time.monotonic() + NOTE_SECONDS
    while True:
        try:
            _write_sent(mail, claim, subject, clock())
            return
        except DatabaseError:
            if connection.in_atomic_block or time.monotonic() >= until:
                raise
            connection.close()
            time.sleep(0.5)


def _write_sent(mail: OutgoingMail, claim: RowClaim[OutgoingMail], subject: str, now: datetime) -> None:
    with transaction.atomic():
        is_held = claim.release(
            state=State.SENT, ended_at=now, subject=subject, body="", params={}, headers={}, last_error=""
        )
        if is_held:
            _tell_kind(mail, now)
    if not is_held:
        logger.warning("Mail %s (%s) took so long that it may be sent twice", mail.pk, mail.kind)


def _tell_kind(mail: OutgoingMail, now: datetime) -> None:
    """An error of the kind must not undo that the mail is sent."""
    kind = kinds.get(mail.kind)
    if kind is None or kind.on_sent is None:
        return
    try:
        with transaction.atomic():
            kind.on_sent(mail.reference, now)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("Mail %s (%s) is sent, but its kind could not note that", mail.pk, mail.kind)


def _keep_rate() -> None:
    if settings.MAIL_PER_SECOND:
        time.sleep(1 / settings.MAIL_PER_SECOND)


@contextmanager
def _time_limit(backend: Any) -> Iterator[None]:
    """Cut the connection off after SEND_SECONDS. A server that sends one byte now and then never times out."""
    sock = getattr(getattr(backend, "connection", None), "sock", None)
    if sock is None:  # the mail goes to the console, to files or to memory
        yield
        return
    timer = threading.Timer(SEND_SECONDS, _shut_down, [sock])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("The connection to the mail server had ended already")
