"""The demo's fast clock: run every sweep in turn, each second or so.

The scheduler looks only twice a minute, and a day of the demo is over in twenty seconds.
"""

import time

from django.utils.module_loading import import_string

from portal.jobs.leases import acquire_lease
from portal.jobs.runner import BUDGET_SECONDS, enqueue, task
from reputation import schedules

PAUSE_SECONDS = 1.0
# Short, because a worker that is told to stop ends its task first: Ctrl-C takes no longer than this.
LOOP_SECONDS = 5


@task
def run_demo_loop() -> None:
    """Run the quick tasks until the time is up, then queue this task again; the schedule makes sure that one runs.

    Returns immediately if another worker runs it.
    """
    tasks = [import_string(entry.func) for entry in schedules.SCHEDULES if entry.in_demo_loop]
    until = time.monotonic() + LOOP_SECONDS
    with acquire_lease("rounds", ttl_seconds=2 * BUDGET_SECONDS) as lease:
        while lease and time.monotonic() < until:
            for run in tasks:
                if time.monotonic() < until:
                    run()
            time.sleep(PAUSE_SECONDS)
    if lease:
        enqueue(schedules.DEMO_LOOP.func)
