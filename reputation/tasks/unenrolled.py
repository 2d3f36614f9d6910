"""Stop monitoring where the approval was revoked."""

from django.utils import timezone

from portal.sweeping import sweep, task
from reputation import unenrolled


@task
def stop_unenrolled() -> None:
    sweep("stop unenrolled", lambda: unenrolled.stop(timezone.now()))
