"""On a quick clock: every sweep in turn, each second or so. The scheduler looks only twice a minute, and a day of the
demo is over in twenty seconds."""

import time

from django.utils.module_loading import import_string

from portal.jobs.leases import acquire_lease
from portal.jobs.runner import BUDGET_SECONDS, enqueue, task
from reputation import schedules

PAUSE_SECONDS = 1.0
# Short, because a worker that is told to stop first ends its task: whoever presses Ctrl-C waits no longer than this.
LOOP_SECONDS = 5


@task
def run_demo_loop() -> None:
    """Goes round until the time is up, and then has itself begun again; the schedule sees to it that one is running.
    Whoever comes while one is under way returns at once."""
    tasks = [import_string(entry.func) for entry in schedules.SCHEDULES if entry.quick]
    until = time.monotonic() + LOOP_SECONDS
    with acquire_lease("rounds", for_seconds=2 * BUDGET_SECONDS) as mine:
        while mine and time.monotonic() < until:
            for run in tasks:
                if time.monotonic() < until:
                    run()
            time.sleep(PAUSE_SECONDS)
    if mine:
        enqueue(schedules.DEMO_LOOP.func)
