"""The task of failed sign-ins, run by the schedule."""

from portal.authentication.security_events import failed_sign_ins
from portal.jobs.runner import run_until_done, task


@task
def record_failed_sign_ins() -> None:
    """Add failed sign-ins to the audit trail."""
    run_until_done("failed sign-ins", failed_sign_ins.record_chunk)
