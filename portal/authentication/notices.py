"""Mails that tell people what was changed about their sign-in, so that they notice what they did not do."""

from __future__ import annotations

from datetime import datetime

from portal import mail
from portal.models import User

KIND = mail.MailKind("sign_in_notice", "Change of a person's sign-in")


def send_notice(user: User, sentence: str, *, address: str, now: datetime) -> None:
    """Enqueue a mail that says what was changed. `address` is where the request came from: an IP address, or ""."""
    context = {
        "sentence": sentence,
        "address": address,
        "at": now,
        "forgotten": mail.build_url("account_reset_password"),
    }
    subject = "Your sign-in to the Number Reputation portal was changed"
    message = mail.Message(subject, "portal/mails/sign_in_notice.txt", context, to=[user.email])
    mail.enqueue(message, kind=KIND.code, now=now)
