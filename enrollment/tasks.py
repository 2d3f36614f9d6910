"""The enrollment's task: queued after each decision, and run by the schedule."""

from django.utils import timezone

from enrollment import mails
from portal.jobs.runner import run_until_done, task


@task
def send_due_mails() -> None:
    """Put every mail that is due into the outbox."""
    run_until_done("enrollment mails", lambda: mails.enqueue_due(timezone.now()))
