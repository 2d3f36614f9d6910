"""Send one mail directly, to show what the mail server answers."""

from __future__ import annotations

import smtplib
from datetime import datetime
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

from portal.mail.messages import AUTO_GENERATED_HEADERS

SUBJECT = "Test of the Number Reputation portal"
BODY = "This mail shows that the portal at {url} can send mail. It was sent {at:%d %b %Y %H:%M} UTC.\n"


def send_trial(recipient: str, *, now: datetime) -> str:
    """Send a test mail past the outbox; return what the server said.

    Raises what smtplib, ssl or the socket raise; `portal.mail.failures.describe_failure` explains it.
    """
    email = EmailMessage(
        SUBJECT, BODY.format(url=settings.PUBLIC_URL, at=now), to=[recipient], headers=AUTO_GENERATED_HEADERS
    )
    backend = get_connection()
    try:
        backend.open()
        if isinstance(backend, EmailBackend) and backend.connection:
            return _hand_in(backend.connection, email, recipient)
        backend.send_messages([email])
        return ""
    finally:
        backend.close()


def _hand_in(smtp: smtplib.SMTP, email: EmailMessage, recipient: str) -> str:
    """What smtplib.sendmail does, which keeps the last reply to itself."""
    smtp.ehlo_or_helo_if_needed()
    sender = parseaddr(email.from_email)[1]
    code, reply = smtp.mail(sender)
    if code != 250:
        raise smtplib.SMTPSenderRefused(code, reply, sender)
    code, reply = smtp.rcpt(recipient)
    if code not in (250, 251):
        raise smtplib.SMTPRecipientsRefused({recipient: (code, reply)})
    # smtplib writes the line ends that the protocol needs.
    code, reply = smtp.data(email.message().as_bytes())
    if code != 250:
        raise smtplib.SMTPDataError(code, reply)
    return f"{code} {reply.decode('utf-8', 'replace')}"
