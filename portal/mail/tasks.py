"""The outbox's task: queued with each mail, and run by the schedule."""

from __future__ import annotations

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from portal.mail import server
from portal.mail.delivery import MailSender


@task
def send_mails() -> None:
    """Send the mails that are due, over one connection. While they wait for the mail server, this is one query."""
    if server.is_paused(timezone.now()):
        return
    with MailSender() as sender:
        run_until_done("send mails", sender.send_next)
