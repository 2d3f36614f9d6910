"""The federal holidays, by the list of the Office of Personnel Management (opm.gov)."""

from datetime import date, timedelta

import pytest

from portal.federal_holidays import is_business_day, is_federal_holiday

OBSERVED = {
    2026: ["01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11", "11-26", "12-25"],
    2027: ["01-01", "01-18", "02-15", "05-31", "06-18", "07-05", "09-06", "10-11", "11-11", "11-25", "12-24", "12-31"],
    2028: ["01-17", "02-21", "05-29", "06-19", "07-04", "09-04", "10-09", "11-10", "11-23", "12-25"],
}


@pytest.mark.parametrize(("year", "expected"), OBSERVED.items())
def test_holidays_are_observed_on_the_days_that_the_law_names(year, expected):
    days = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    holidays = [day for day in days if day.year == year and is_federal_holiday(day)]
    assert [f"{day:%m-%d}" for day in holidays] == expected
    assert not any(is_business_day(day) for day in holidays)


def test_weekends_are_no_business_days():
    assert [is_business_day(date(2026, 12, day)) for day in range(4, 8)] == [True, False, False, True]
