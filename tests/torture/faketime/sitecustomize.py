"""Sleep without `clock_nanosleep`, which libfaketime 0.9.10 breaks unless it shifts the monotonic clock too.

Python imports this module at its start if its folder is on PYTHONPATH.
"""

import select
import time


def sleep(seconds: float) -> None:
    select.select((), (), (), seconds)


time.sleep = sleep
