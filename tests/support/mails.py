"""Empty the outbox of mails in tests."""

from __future__ import annotations

from datetime import datetime

from django.core import mail
from django.core.mail import EmailMessage
from django.utils import timezone

from portal.mail.delivery import MailSender


def send_mails(now: datetime | None = None) -> list[EmailMessage]:
    """Send the mails that are due (by the clock, or at `now`); return all that Django's test outbox has."""
    with MailSender(clock=(lambda: now) if now else timezone.now) as sender:
        while sender.send_next():
            pass
    return mail.outbox
