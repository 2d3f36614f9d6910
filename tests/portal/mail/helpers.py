"""Mails for the tests of the outbox."""

from datetime import datetime

from portal.mail.delivery import MailSender
from portal.mail.outbox import enqueue_rows
from portal.models import OutgoingMail

BODY = "Three numbers are tagged.\n"


def enqueue_mails(now: datetime, *recipients: str) -> list[OutgoingMail]:
    """A mail to each recipient, due at `now`, in this order."""
    rows = [
        OutgoingMail(kind="digest", recipient=recipient, subject="News", body=BODY, created_at=now, due_at=now)
        for recipient in recipients
    ]
    enqueue_rows(rows)
    return list(OutgoingMail.objects.order_by("pk"))


def sweep(now: datetime) -> int:
    """One run of the task at this time; return how many steps it made."""
    count = 0
    with MailSender(clock=lambda: now) as sender:
        while sender.send_next():
            count += 1
    return count


def states() -> dict[str, str]:
    """The state of the mail to each recipient."""
    return dict(OutgoingMail.objects.values_list("recipient", "state"))
