"""Empty the outbox of mails in tests, and use what the mails hold."""

from __future__ import annotations

import re
from datetime import datetime

from django.core import mail
from django.core.mail import EmailMessage
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.mail.delivery import MailSender


def send_mails(now: datetime | None = None) -> list[EmailMessage]:
    """Send the mails that are due (by the clock, or at `now`); return all that Django's test outbox has."""
    with MailSender(clock=(lambda: now) if now else timezone.now) as sender:
        while sender.send_next():
            pass
    return mail.outbox


def read_code(text: str) -> str:
    """The part after the sign # of a link that sets a password, which the page moves into its form."""
    found = re.search(r"http://localhost:8000/password/set/#(\S+)", text)
    assert found, text
    return found[1]


def set_password(client: Client, code: str, password: str) -> HttpResponse:
    """Set the password with the form that the link opens."""
    data = {"code": code, "new_password1": password, "new_password2": password}
    return client.post(reverse("set-password"), data, follow=True)
