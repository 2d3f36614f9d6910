"""Advance the cases that are due, and tell the engines what need not be done any more."""

from django.utils import timezone

from portal.sweeping import sweep, task
from reputation import advancing, verification


@task
def advance_cases() -> None:
    sweep(
        "advance cases",
        lambda: advancing.advance(timezone.now()),
        shared_as="reputation.tasks.cases.advance_cases",
    )


@task
def withdraw_requests() -> None:
    sweep("withdraw submissions", lambda: advancing.withdraw(timezone.now()))
    sweep("withdraw registrations", lambda: verification.withdraw(timezone.now()))
