"""Weekdays are compared with the FTC's calendar: a file each weekday by noon in Washington."""

from datetime import UTC, date, datetime, timedelta

import pytest

from reputation.ftc import days
from reputation.models import ComplaintFile, FtcFile


@pytest.mark.parametrize(
    ("now", "last", "next_publication"),
    [
        # Wednesday, 11:59 and 12:00 in Washington.
        (datetime(2026, 11, 25, 16, 59, tzinfo=UTC), date(2026, 11, 24), datetime(2026, 11, 25, 17, tzinfo=UTC)),
        (datetime(2026, 11, 25, 17, tzinfo=UTC), date(2026, 11, 25), datetime(2026, 11, 26, 17, tzinfo=UTC)),
        # Thanksgiving has no file as a rule.
        (datetime(2026, 11, 26, 18, tzinfo=UTC), date(2026, 11, 25), datetime(2026, 11, 27, 17, tzinfo=UTC)),
        # Friday afternoon, Sunday and Monday morning wait for Monday's file.
        (datetime(2026, 11, 27, 18, tzinfo=UTC), date(2026, 11, 27), datetime(2026, 11, 30, 17, tzinfo=UTC)),
        (datetime(2026, 11, 29, 18, tzinfo=UTC), date(2026, 11, 27), datetime(2026, 11, 30, 17, tzinfo=UTC)),
        (datetime(2026, 11, 30, 8, tzinfo=UTC), date(2026, 11, 27), datetime(2026, 11, 30, 17, tzinfo=UTC)),
        # It is still the evening before in Washington.
        (datetime(2026, 11, 25, 3, tzinfo=UTC), date(2026, 11, 24), datetime(2026, 11, 25, 17, tzinfo=UTC)),
        # Daylight saving time.
        (datetime(2026, 7, 8, 16, tzinfo=UTC), date(2026, 7, 8), datetime(2026, 7, 9, 16, tzinfo=UTC)),
    ],
)
def test_a_file_is_expected_each_weekday_by_noon_in_washington(now, last, next_publication):
    assert days.get_last_published(now) == last
    assert days.get_next_publication(now) == next_publication


NOW = datetime(2026, 11, 25, 18, tzinfo=UTC)


def add_file(day: date, **values: object) -> None:
    FtcFile.objects.create(name=f"{day}-{FtcFile.objects.count()}.csv", day=day, url="https://x", **values)


@pytest.mark.django_db
def test_nothing_is_missing_and_no_day_is_loaded_before_the_page_was_read():
    assert days.get_missing_days(NOW) == []
    assert days.get_loaded_through() is None


@pytest.mark.django_db
def test_a_day_is_loaded_if_one_of_its_files_is():
    add_file(date(2026, 11, 25), state="no_file", problem="Not whole.")
    add_file(date(2026, 11, 25), state="loaded")
    assert days.get_missing_days(NOW) == []
    assert days.get_loaded_through() == date(2026, 11, 25)


@pytest.mark.django_db
def test_a_file_that_is_being_loaded_does_not_count_yet():
    file = ComplaintFile.objects.create(name="x", sha256="1", day=date(2026, 11, 24), started_at=NOW)
    assert days.get_loaded_through() is None
    ComplaintFile.objects.filter(pk=file.pk).update(done_at=NOW)
    assert days.get_loaded_through() == date(2026, 11, 24)


@pytest.mark.django_db
def test_a_listed_file_that_waits_is_named_as_such():
    add_file(date(2026, 11, 25), next_action_at=NOW)
    (missing,) = days.get_missing_days(NOW)
    assert (missing.reason, missing.next_try_at, missing.is_over) == ("Not fetched yet.", NOW, False)


@pytest.mark.django_db
def test_a_federal_holiday_without_a_file_is_not_missing():
    add_file(date(2026, 11, 24), state="loaded")
    missing = [day.day for day in days.get_missing_days(datetime(2026, 11, 27, 18, tzinfo=UTC))]
    assert missing == [date(2026, 11, 27), date(2026, 11, 25)]


@pytest.mark.django_db
def test_a_file_of_a_federal_holiday_is_missing_until_it_is_loaded():
    thanksgiving = date(2026, 11, 26)
    add_file(date(2026, 11, 25), state="loaded")
    add_file(thanksgiving, next_action_at=NOW)
    later = datetime(2026, 11, 26, 18, tzinfo=UTC)
    assert [day.day for day in days.get_missing_days(later)] == [thanksgiving]
    FtcFile.objects.update(state="loaded")
    assert days.get_missing_days(later) == []
    assert days.get_loaded_through() == thanksgiving


@pytest.mark.django_db
def test_days_whose_complaints_are_deleted_by_now_are_not_missing(settings):
    settings.CHECKS_KEPT_DAYS = 7
    add_file(date(2026, 6, 1), state="loaded")
    assert min(day.day for day in days.get_missing_days(NOW)) == NOW.date() - timedelta(days=7)
