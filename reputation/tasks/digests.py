"""Mail about spam tags to the members who want it."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.matching.skipped_share import update_alerts
from reputation.notifications import digests


@task
def send_digests() -> None:
    """Put every digest that is due into the outbox."""
    update_alerts(timezone.now())
    run_until_done("digests", lambda: digests.enqueue_digests(now=timezone.now()))
