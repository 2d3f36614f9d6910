"""The enrollment's task: queued after each decision, and run by the schedule."""

from django.utils import timezone

from enrollment import mails
from portal.jobs.runner import run_until_done, task


@task
def send_due_mails() -> None:
    """Send every mail that is due. A mail that cannot be handed in stays due for a later run."""
    run_until_done("enrollment mails", lambda: mails.send_due(timezone.now()))
