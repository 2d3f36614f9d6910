"""Mail about spam tags to the members who want it."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.notifications import digests


@task
def send_digests() -> None:
    """Sends every digest that is due; who cannot be told now stays due for a later run."""
    beyond = 0

    def step() -> int:
        nonlocal beyond
        tried, beyond = digests.send_digests(now=timezone.now(), beyond=beyond)
        return tried

    run_until_done("digests", step)
