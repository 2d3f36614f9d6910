"""The demo's fast clock: run every sweep in turn, each second or so.

The scheduler looks only twice a minute, and a day of the demo is over in twenty seconds.
"""

import time
from itertools import cycle

from django.utils.module_loading import import_string

from portal.jobs.leases import acquire_lease
from portal.jobs.runner import enqueue_again, task
from reputation import schedules

PAUSE_SECONDS = 1.0
# Short, because a worker that is told to stop ends its task first: Ctrl-C takes no longer than this.
LOOP_SECONDS = 5

# The task that comes next: a loop continues where the last one stopped, so that a task with much work starves no other.
_tasks = cycle(entry.func for entry in schedules.SCHEDULES if entry.in_demo_loop)


@task
def run_demo_loop() -> None:
    """Run the quick tasks until the time is up, then queue this task again; the schedule makes sure that one runs.

    Returns immediately if another worker runs it.
    """
    task_count = sum(entry.in_demo_loop for entry in schedules.SCHEDULES)
    until = time.monotonic() + LOOP_SECONDS
    with acquire_lease("rounds") as lease:
        while lease and time.monotonic() < until:
            for _ in range(task_count):
                if time.monotonic() < until:
                    import_string(next(_tasks))()
            time.sleep(PAUSE_SECONDS)
    if lease:
        enqueue_again(schedules.DEMO_LOOP.func)
