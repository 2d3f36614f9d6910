"""Ask the FCC's data service for complaints about the monitored numbers."""

from django.conf import settings
from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.fcc import asking, dataset


@task
def ask_fcc() -> None:
    if settings.FCC.fetch:
        dataset.check_version(timezone.now())
        run_until_done("add numbers for the FCC", asking.add_numbers)
        run_until_done("ask the FCC", lambda: asking.ask_batch(timezone.now()))
