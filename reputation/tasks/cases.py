"""Advance the cases that are due, and withdraw submissions and registrations that are no longer needed."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.monitoring import verification
from reputation.remediation import sweep as case_sweep


@task
def advance_cases() -> None:
    run_until_done(
        "advance cases",
        lambda: case_sweep.advance_due(timezone.now()),
        parallel_task="reputation.tasks.cases.advance_cases",
    )


@task
def withdraw_requests() -> None:
    run_until_done("withdraw submissions", lambda: case_sweep.withdraw_due(timezone.now()))
    run_until_done("withdraw registrations", lambda: verification.withdraw_due(timezone.now()))
