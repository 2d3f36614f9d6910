"""The numbering plan that this process uses.

A dated report of NANPA is shipped. `set_plan_source` names what may have a newer one: the table in the database, which
this package cannot import.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from portal.phone.area_code_report import read_shipped_report
from portal.phone.numbering_plan import NumberingPlan

# How often a process asks the source. A loaded report is in use within a minute.
REFRESH_SECONDS = 30

# Returns the plan to use, given the one in use; None if it cannot be asked now.
PlanSource = Callable[[NumberingPlan], NumberingPlan | None]


@dataclass
class _Current:
    """The plan that this process uses, and when it asks the source again, on the monotonic clock."""

    plan: NumberingPlan | None = None
    source: PlanSource | None = None
    next_check: float = 0.0


_current = _Current()


def set_plan_source(source: PlanSource | None) -> None:
    _current.source, _current.plan, _current.next_check = source, None, 0.0


def get_numbering_plan() -> NumberingPlan:
    """Return the plan in use. Asks the source at most every REFRESH_SECONDS."""
    plan = _current.plan
    if plan is None or time.monotonic() >= _current.next_check:
        plan = _refresh()
    return plan


def _refresh() -> NumberingPlan:
    plan = _current.plan or get_shipped_plan()
    next_check = time.monotonic() + REFRESH_SECONDS
    _current.next_check = next_check  # other threads need not wait for this one
    found = _current.source(plan) if _current.source else plan
    if found is None:
        _current.next_check = 0.0
    _current.plan = found or plan
    return _current.plan


@cache
def get_shipped_plan() -> NumberingPlan:
    return read_shipped_report()
