"""End the monitoring of numbers that no licence covers any more, and mail the owners about licences."""

from django.utils import timezone

from portal.accounts import licence_expiry
from portal.jobs.runner import run_until_done, task
from reputation import coverage_losses
from reputation.notifications import licences


@task
def end_uncovered_numbers() -> None:
    """Queued when staff change licences, and run by the schedule."""
    run_until_done("find coverage losses", lambda: coverage_losses.find_losses(timezone.now()))
    run_until_done("end uncovered", lambda: coverage_losses.end_chunk(timezone.now()))
    licence_expiry.schedule_warnings(timezone.now())
    run_until_done("licence mails", lambda: licences.enqueue_due(timezone.now()))
