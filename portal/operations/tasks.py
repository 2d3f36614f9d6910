"""The task that looks at everything once a minute."""

from django.utils import timezone

from portal.jobs.runner import task
from portal.operations import state


@task
def check_operations() -> None:
    state.check(timezone.now())
