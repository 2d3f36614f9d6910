"""Verify numbers: ask the engines to take them on, and ask how far they are."""

from django.utils import timezone

from portal.jobs.runner import sweep, task
from reputation.monitoring import verification


@task
def verify_numbers() -> None:
    sweep(
        "verify numbers",
        lambda: verification.ask(timezone.now()),
        shared_as="reputation.tasks.verification.verify_numbers",
    )
    sweep("give verifications up", lambda: verification.give_up(timezone.now()))
