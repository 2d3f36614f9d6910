"""Stop monitoring for accounts whose approval was revoked."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.monitoring import revocation


@task
def disable_revoked_numbers() -> None:
    run_until_done("stop unenrolled", lambda: revocation.disable_revoked(timezone.now()))
