"""Dates of the FTC's rows: what has one meaning is read, and what has two or none is refused."""

from datetime import UTC, datetime

import pytest

from reputation.complaint_rows import RowSkipped, parse_time

TWO_MEANINGS = "with a date that may be month/day or day/month"


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2026-11-20", 0, 0),
        ("2026-11-20 08:15", 8, 15),
        ("2026-11-20T10:15:00+02:00", 8, 15),
        ("11/20/2026", 0, 0),
        ("11/20/2026 8:15", 8, 15),
        ("11/20/2026 8:15:00 PM", 20, 15),
        ("11/20/26 8:15", 8, 15),
        ("20/11/2026 08:15", 8, 15),
        ("20.11.2026", 0, 0),
        ("2026/11/20 8:15", 8, 15),
        ("20-Nov-2026", 0, 0),
        ("20-Nov-26", 0, 0),
        ("November 20, 2026", 0, 0),
    ],
)
def test_a_date_with_one_meaning_is_read(text, hour, minute):
    assert parse_time(text) == datetime(2026, 11, 20, hour, minute, tzinfo=UTC)


def test_a_day_that_equals_its_month_has_one_meaning():
    assert parse_time("11/11/2026") == datetime(2026, 11, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["11/12/2026", "11/12/2026 8:15", "1/2/26", "20-11-26"])
def test_a_date_with_two_meanings_is_refused(text):
    with pytest.raises(RowSkipped, match=TWO_MEANINGS):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "yesterday", "13/13/2026", "46346.34", "1/2/3", "11/20/2026 25:00", "202-11-20"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(RowSkipped, match="without a date that can be read"):
        parse_time(text)
