"""The North American Numbering Plan: which area codes exist, since when, and where.

NANPA assigns the area codes of +1. phonenumbers lags behind its assignments, so this table decides which numbers of +1
exist. current_plan.py has the plan in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.utils import timezone

from portal.phone.errors import InvalidPhoneNumber


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
