"""Test calls: end forgotten rounds, drop calls that were not made, and count results that can no longer be undone."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.test_calls import results, rounds


@task
def count_results() -> None:
    run_until_done("end rounds of test calls", lambda: rounds.end_stale_rounds(timezone.now()))
    run_until_done("drop abandoned test calls", lambda: rounds.drop_abandoned_calls(timezone.now()))
    run_until_done("count test calls", lambda: results.count_results(timezone.now()))
