"""Registrations at desks: mark those that an engine did not answer in time."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.desks import registration_answers


@task
def end_silent_registrations() -> None:
    run_until_done("end silent registrations", lambda: registration_answers.mark_silent_due(timezone.now()))
