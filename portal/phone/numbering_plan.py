"""The North American Numbering Plan: which area codes exist, since when, and where.

NANPA assigns the area codes of +1. phonenumbers lags behind its assignments, so this table decides which numbers of +1
exist. A dated report of NANPA is shipped. `set_plan_source` names what may have a newer one: the table in the database,
which this package cannot import.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property

from django.utils import timezone

from portal.phone.errors import InvalidPhoneNumber

# How often a process asks the source. A loaded report is in use within a minute.
REFRESH_SECONDS = 30


@dataclass(frozen=True, slots=True)
class AreaCode:
    """An assigned area code. `region` is an ISO 3166 code, `state` the postal abbreviation of a State or territory,
    empty outside the United States and for non-geographic codes. `kind` is geographic, toll_free, premium, personal or
    non_geographic. Without `in_service_on`, no date is set yet."""

    code: str
    region: str
    state: str
    kind: str
    in_service_on: date | None


@dataclass(frozen=True, eq=False)
class NumberingPlan:
    """The area codes of one report. `loaded_at` is when it was loaded into the database, None for the shipped one."""

    report_date: date
    area_codes: Mapping[str, AreaCode]
    loaded_at: datetime | None = None

    @cached_property
    def state_by_area_code(self) -> dict[str, str]:
        """Postal abbreviation of the State by area code: 206 is WA, 787 is PR. Only codes that have a State."""
        return {code: known.state for code, known in sorted(self.area_codes.items()) if known.state}

    @cached_property
    def _area_codes_by_state(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for code, state in self.state_by_area_code.items():
            found.setdefault(state, []).append(code)
        return {state: tuple(codes) for state, codes in found.items()}

    def get_neighbours(self, area_code: str) -> tuple[str, ...]:
        """The other area codes of the same State, ascending. Empty for a code without a State."""
        state = self.state_by_area_code.get(area_code, "")
        return tuple(code for code in self._area_codes_by_state.get(state, ()) if code != area_code)

    def check_number(self, area_code: str, exchange: str, today: date | None = None) -> AreaCode:
        """Return the area code. Raises InvalidPhoneNumber if no number begins with these six digits today (UTC)."""
        known = self.area_codes.get(area_code)
        if known is None:
            raise InvalidPhoneNumber(f"The area code {area_code} is not assigned, so no such number exists.")
        if known.in_service_on is None:
            raise InvalidPhoneNumber(f"The area code {area_code} is not yet in service, and no date is set for it.")
        if known.in_service_on > (today or timezone.now().date()):
            begins = f"{known.in_service_on.day} {known.in_service_on:%B %Y}"
            raise InvalidPhoneNumber(f"The area code {area_code} is not yet in service. It begins on {begins}.")
        if exchange[0] in "01":
            raise InvalidPhoneNumber(
                f"No such number exists: the three digits after the area code are {exchange}, and they cannot begin "
                f"with {exchange[0]}."
            )
        if exchange[1:] == "11":
            raise InvalidPhoneNumber(
                f"No such number exists: the three digits after the area code are {exchange}, a service code."
            )
        return known


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
    from portal.phone.area_code_report import read_shipped_report

    return read_shipped_report()
