"""Ask the FCC's data service for complaints about the monitored numbers."""

from django.conf import settings
from django.utils import timezone

from portal.jobs.runner import run_until_done, task
from reputation.fcc import asking, dataset


@task
def ask_fcc() -> None:
    """Do nothing if a setting turns it off."""
    if settings.FCC.fetch:
        dataset.check_version(timezone.now())
        _add_numbers()
        run_until_done("ask the FCC", lambda: asking.ask_batch(timezone.now()))


def _add_numbers() -> None:
    last = ""

    def step() -> int:
        nonlocal last
        added, last = asking.add_numbers(after=last)
        return added

    run_until_done("add numbers for the FCC", step)
