"""Which days' complaint files are loaded and which are missing, by the calendar of the FTC.

The FTC publishes a file each weekday by noon in Washington, and none on federal holidays. If one of a holiday is
listed, it is loaded like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max, Min

from portal.federal_holidays import is_business_day
from reputation.models import ComplaintFile, FtcFile

EASTERN = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
FRIDAY = 4
NOT_LISTED = "The FTC's page lists no file of this day."


@dataclass(frozen=True)
class MissingDay:
    """A day without a loaded file. `is_over`: the page no longer lists files of that time, so none will come."""

    day: date
    reason: str
    next_try_at: datetime | None
    is_over: bool


def get_loaded_through() -> date | None:
    """The last day whose file is loaded, as in "files to 25 Nov"; None if no file is. Earlier days may be missing."""
    newest = (
        ComplaintFile.objects.filter(done_at__isnull=False, day__isnull=False).aggregate(day=Max("day"))["day"],
        FtcFile.objects.loaded().aggregate(day=Max("day"))["day"],
    )
    return max(filter(None, newest), default=None)


def get_missing_days(now: datetime) -> list[MissingDay]:
    """The days without a loaded file, newest first: since the first day that the page has ever listed.

    These are business days, and others that have a file. Days whose complaints would be deleted by now are left out.
    """
    first = FtcFile.objects.aggregate(day=Min("day"))["day"]
    if first is None:
        return []
    first = max(first, now.date() - timedelta(days=settings.CHECKS_KEPT_DAYS))
    loaded = set(ComplaintFile.objects.filter(done_at__isnull=False, day__gte=first).values_list("day", flat=True))
    loaded.update(FtcFile.objects.loaded().filter(day__gte=first).values_list("day", flat=True))
    oldest_listed = FtcFile.objects.filter(is_listed=True).aggregate(day=Min("day"))["day"] or first
    files = {file.day: file for file in FtcFile.objects.not_loaded().filter(day__gte=first).order_by("pk")}
    return [
        _describe(day, files.get(day), oldest_listed)
        for day in _iterate_days(_get_last_due_day(now), first)
        if day not in loaded and (day in files or is_business_day(day))
    ]


def get_last_published(now: datetime) -> date:
    """The last business day whose file should be published by now."""
    day = _get_last_due_day(now)
    return next(filter(is_business_day, _iterate_days(day, day - 7 * DAY)))


def get_next_publication(now: datetime) -> datetime:
    """When the next file may be published: on a weekday, federal holidays included."""
    day = _get_last_due_day(now) + DAY
    while day.weekday() > FRIDAY:
        day += DAY
    return datetime.combine(day, time(settings.FTC_PUBLISHED_BY_HOUR), EASTERN)


def _get_last_due_day(now: datetime) -> date:
    """The last day, business day or not, whose hour of publication is over."""
    local = now.astimezone(EASTERN)
    return local.date() if local.hour >= settings.FTC_PUBLISHED_BY_HOUR else local.date() - DAY


def _iterate_days(last: date, first: date) -> Iterator[date]:
    """The days from `last` back to `first`."""
    while last >= first:
        yield last
        last -= DAY


def _describe(day: date, file: FtcFile | None, oldest_listed: date) -> MissingDay:
    if file is None:
        return MissingDay(day, NOT_LISTED, next_try_at=None, is_over=day < oldest_listed)
    reason = file.problem or f"{file.get_state_display()}."
    return MissingDay(day, reason, next_try_at=file.next_action_at, is_over=file.next_action_at is None)
