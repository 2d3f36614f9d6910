"""Look up the monitored numbers that are due."""

from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.monitoring import lookups
from reputation.numbers import at_risk


@task
def look_up_numbers() -> None:
    run_until_done(
        "look up numbers",
        lambda: lookups.look_up_due(timezone.now()),
        parallel_task="reputation.tasks.lookups.look_up_numbers",
    )
    run_until_done("end risks", lambda: at_risk.end_risks(timezone.now()))
