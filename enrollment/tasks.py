"""Tasks of the enrollment, for the schedule and for a hint right after a decision."""

from django.utils import timezone

from enrollment import mails
from portal.jobs.runner import run_until_done, task


@task
def send_due_mails() -> None:
    """Sends every mail that is due; those that cannot be handed in stay due for a later run."""
    run_until_done("enrollment mails", lambda: mails.send_due(timezone.now()))
