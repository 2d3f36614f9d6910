"""Business days, and requests that a desk does not answer in time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reputation.desks import deadlines
from reputation.models import DeskRequest

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("start", "days", "last_day"),
    [
        ("2026-12-01T15:00", 2, "2026-12-03"),  # Tuesday to Thursday
        ("2026-12-04T15:00", 1, "2026-12-07"),  # Friday to Monday
        ("2026-12-05T15:00", 1, "2026-12-07"),  # Saturday to Monday
        ("2026-12-01T15:00", 10, "2026-12-15"),
        ("2026-11-25T15:00", 1, "2026-11-27"),  # Thanksgiving is no business day
        ("2026-07-02T15:00", 1, "2026-07-06"),  # the fourth of July is a Saturday, and observed on Friday
        ("2026-12-01T03:00", 1, "2026-12-01"),  # still Monday evening in New York
    ],
)
def test_business_days_end_in_the_evening_of_the_last_one(start, days, last_day):
    end = deadlines.add_business_days(datetime.fromisoformat(start).replace(tzinfo=UTC), days, NEW_YORK)
    assert end.date().isoformat() == last_day
    assert end.tzinfo == ZoneInfo(NEW_YORK)
    assert end + timedelta(microseconds=1) == datetime.combine(
        end.date() + timedelta(days=1), datetime.min.time(), tzinfo=ZoneInfo(NEW_YORK)
    )


def test_unanswered_request_is_silent_after_the_business_days_of_its_desk(open_request, send, now):
    request = open_request()
    send([request], now)
    assert deadlines.mark_silent_due(now + timedelta(days=9)) == 0  # Thursday, the seventh business day
    assert deadlines.mark_silent_due(now + timedelta(days=10)) == 1
    request.refresh_from_db()
    assert request.state == DeskRequest.State.SILENT
    assert request.due_at > now + timedelta(days=10)
    assert deadlines.mark_silent_due(now + timedelta(days=30)) == 0
