"""The outbox as a kind of work, for portal.jobs.work."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from portal.jobs.claims import unclaimed
from portal.jobs.work import WorkKind
from portal.mail.outbox import SEND_TASK
from portal.mail.queue import get_waiting_since
from portal.models import OutgoingMail


def get_due_mails(now: datetime) -> QuerySet[OutgoingMail]:
    """Mails that nobody sends just now. They count as due, too, while all mails wait for the mail server."""
    return OutgoingMail.objects.due(now).filter(unclaimed(now))


MAIL_WORK = WorkKind(
    "mails",
    "Mails to send",
    SEND_TASK,
    get_due_mails,
    "due_at",
    late_after=timedelta(minutes=15),
    sweeps=("send mails",),
    get_moment=get_waiting_since,
)
