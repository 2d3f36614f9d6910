"""Verify numbers: register them with the engines, and poll the registrations."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.monitoring import verification


@task
def verify_numbers() -> None:
    run_until_done(
        "verify numbers",
        lambda: verification.verify_due(timezone.now()),
        parallel_task="reputation.tasks.verification.verify_numbers",
    )
    run_until_done("give verifications up", lambda: verification.fail_overdue(timezone.now()))
