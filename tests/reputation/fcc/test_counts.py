"""What providers and pages read of the FCC's answers."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reputation import retention
from reputation.fcc.counts import FccCount, get_recent_counts
from reputation.models import FccComplaintCount, FccNumber
from reputation.models.fcc import version_time
from reputation.tasks.fcc import ask_fcc
from tests.factories import FccNumberFactory, MonitoredNumberFactory
from tests.support.fcc_complaints import SPOOFED, make_complaint

pytestmark = pytest.mark.django_db

ONE, TWO, THREE = "+12065550143", "+12065550144", "+12065550145"
VERSION = 1_791_003_647


@pytest.fixture
def asked(fcc, account, now):
    """Two complaints in the window, one before it, and a report of spoofing; none about the second number."""
    for e164 in (ONE, TWO):
        MonitoredNumberFactory(account=account, e164=e164)
    days = [(now - timedelta(days=ago)).date() for ago in (40, 20, 3)]
    spoofed = make_complaint(ONE, now.date(), issue=SPOOFED)
    fcc.set(rows=[*(make_complaint(ONE, day) for day in days), spoofed])
    ask_fcc()


def test_complaints_in_the_window_and_spoofing_reports_are_counted_apart(asked, now):
    count = get_recent_counts([ONE], now=now)[ONE]
    assert count == FccCount(
        recent_complaints=2,
        complaints=3,
        last_on=(now - timedelta(days=3)).date(),
        spoofing_reports=1,
        asked_at=FccNumber.objects.get(e164=ONE).asked_at,
        data_until=version_time(VERSION),
    )


def test_number_without_complaints_is_known_to_have_none(asked, now):
    count = get_recent_counts([TWO], now=now)[TWO]
    assert (count.recent_complaints, count.complaints, count.last_on, count.spoofing_reports) == (0, 0, None, 0)


def test_number_that_was_not_asked_about_is_unknown(asked, now):
    FccNumber.objects.create(e164=THREE)
    assert list(get_recent_counts([ONE, THREE, "+12065550146"], now=now)) == [ONE]


def test_complaints_leave_the_window_with_time(asked, now):
    recent = [get_recent_counts([ONE], now=now + timedelta(days=ahead))[ONE].recent_complaints for ahead in (9, 10, 27)]
    assert recent == [2, 1, 0]


def test_counts_of_any_number_of_numbers_take_one_query(asked, now):
    for numbers in ([ONE], [ONE, TWO, THREE]):
        with CaptureQueriesContext(connection) as queries:
            get_recent_counts(numbers, now=now)
        assert len(queries) == 1
    assert get_recent_counts([], now=now) == {}


def test_time_of_a_version():
    assert version_time(VERSION).date() == date(2026, 10, 3)


def test_numbers_that_nobody_monitors_are_deleted_after_the_retention_time(account, now, settings):
    old = now - timedelta(days=settings.CHECKS_KEPT_DAYS + 1)
    monitored = MonitoredNumberFactory(account=account, e164=ONE).e164
    FccNumberFactory(e164=monitored, asked_at=old)
    FccNumberFactory(e164=TWO, asked_at=old)
    FccNumberFactory(e164=THREE, asked_at=now)
    for number in FccNumber.objects.all():
        FccComplaintCount.objects.create(number=number, count=1, is_spoofing_report=False)
    retention.delete_old_fcc_numbers(now)
    assert set(FccNumber.objects.values_list("e164", flat=True)) == {ONE, THREE}
    assert FccComplaintCount.objects.count() == 2
