"""Mail about spam tags to the members who want it."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.matching.skipped_share import update_alerts
from reputation.notifications import digests


@task
def send_digests() -> None:
    """Send every digest that is due. Members who cannot be told now stay due for a later run."""
    update_alerts(timezone.now())
    last_id = 0

    def step() -> int:
        nonlocal last_id
        tried, last_id = digests.send_digests(now=timezone.now(), after_id=last_id)
        return tried

    run_until_done("digests", step)
