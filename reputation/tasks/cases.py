"""Advance the cases that are due, and tell the engines what need not be done any more."""

from django.utils import timezone

from portal.jobs.runner import sweep, task
from reputation.monitoring import verification
from reputation.remediation import sweep as case_sweep


@task
def advance_cases() -> None:
    sweep(
        "advance cases",
        lambda: case_sweep.advance(timezone.now()),
        shared_as="reputation.tasks.cases.advance_cases",
    )


@task
def withdraw_requests() -> None:
    sweep("withdraw submissions", lambda: case_sweep.withdraw(timezone.now()))
    sweep("withdraw registrations", lambda: verification.withdraw(timezone.now()))
