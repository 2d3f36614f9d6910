"""The task of API keys, run by the schedule."""

from django.utils import timezone

from portal.accounts.api_keys import expiry
from portal.jobs.runner import run_until_done, task


@task
def warn_about_expiry() -> None:
    """Mail owners about keys that expire soon."""
    expiry.limit_keys_without_end(timezone.now())
    expiry.schedule_warnings(timezone.now())
    run_until_done("API key mails", lambda: expiry.enqueue_due(timezone.now()))
