"""The public holidays of the United States, by 5 U.S.C. 6103. A library has them too, but needs 16 MB in each process.

A holiday on a Saturday is observed on the Friday before, one on a Sunday on the Monday after. Inauguration Day, which
only the area of Washington has, is not among them.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

MONDAY, THURSDAY, SATURDAY, SUNDAY = 0, 3, 5, 6
DAY = timedelta(days=1)

# Month and day: New Year, Juneteenth (since 2021), Independence Day, Veterans Day, Christmas.
_FIXED = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
# Month, weekday, and which one: Martin Luther King, Washington, Labor Day, Columbus Day, Thanksgiving.
_FLOATING = ((1, MONDAY, 3), (2, MONDAY, 3), (9, MONDAY, 1), (10, MONDAY, 2), (11, THURSDAY, 4))


def is_federal_holiday(day: date) -> bool:
    """Whether a holiday is observed on this day."""
    # The New Year may be observed on the last day of the year before.
    return day in _get_observed_days(day.year) or day in _get_observed_days(day.year + 1)


def is_business_day(day: date) -> bool:
    """Whether the day is one from Monday to Friday, and no federal holiday."""
    return day.weekday() < SATURDAY and not is_federal_holiday(day)


@lru_cache(maxsize=16)
def _get_observed_days(year: int) -> frozenset[date]:
    """The days on which the eleven holidays of the year are observed."""
    fixed = [_get_observed_day(date(year, month, day)) for month, day in _FIXED]
    floating = [_get_nth_weekday(year, *rule) for rule in _FLOATING]
    # The last Monday of May.
    memorial_day = _get_nth_weekday(year, 6, MONDAY, 1) - 7 * DAY
    return frozenset([*fixed, *floating, memorial_day])


def _get_observed_day(day: date) -> date:
    return day + {SATURDAY: -DAY, SUNDAY: DAY}.get(day.weekday(), 0 * DAY)


def _get_nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (n - 1)) * DAY
