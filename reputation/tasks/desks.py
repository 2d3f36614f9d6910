"""Requests to desks: mark those that were not answered in time, and open failed cases again about which people ask."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.desks import deadlines
from reputation.remediation import reopening


@task
def advance_requests() -> None:
    run_until_done("mark silent requests", lambda: deadlines.mark_silent_due(timezone.now()))
    run_until_done("reopen cases", lambda: reopening.reopen_due(timezone.now()))
