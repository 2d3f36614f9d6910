"""Stop monitoring where the approval was revoked."""

from django.utils import timezone

from portal.jobs.runner import sweep, task
from reputation.monitoring import revocation


@task
def stop_unenrolled() -> None:
    sweep("stop unenrolled", lambda: revocation.stop(timezone.now()))
