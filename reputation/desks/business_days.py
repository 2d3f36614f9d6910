"""Business days of desks: Monday to Friday."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def add_business_days(start: datetime, days: int, zone: str) -> datetime:
    """The end of the last of so many business days after `start`, in this time zone."""
    tz = ZoneInfo(zone)
    day = start.astimezone(tz).date()
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            days -= 1
    return datetime.combine(day, time.max, tzinfo=tz)
