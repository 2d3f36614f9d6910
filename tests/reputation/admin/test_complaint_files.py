"""Complaint files in Django admin: operators see what is loaded, what was skipped, and what is missing."""

from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.models import ComplaintFile, FtcFile, FtcIndexPage
from tests.reputation.ftc.conftest import NOW, name_of
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

URL = reverse("admin:reputation_complaintfile_changelist")
WEB_PAGE = "The site answers with a web page instead of the file."


@pytest.fixture
def page(settings):
    settings.FTC_FETCH = True
    return FtcIndexPage.objects.create(url=settings.FTC_INDEX_URL, last_read_at=NOW, next_action_at=NOW)


@pytest.fixture
def loaded():
    skipped = {
        "dated in the future": {"rows": 1, "lines": ["line 9"]},
        "without a number": {"rows": 12, "lines": ["line 3"]},
    }
    counts = {"row_count": 12_345, "loaded_count": 12_300, "skipped_count": 13, "skipped": skipped}
    name, day = name_of("2026-11-20"), date(2026, 11, 20)
    file = ComplaintFile.objects.create(sha256="1" * 64, name=name, day=day, started_at=NOW, done_at=NOW, **counts)
    FtcFile.objects.create(name=name, day=day, url="https://x", state="loaded", complaint_file=file)
    return file


def show(client, url: str = URL) -> str:
    with time_machine.travel(NOW, tick=False):
        return get_html(client.get(url))


def test_operators_see_what_is_loaded(as_operator, page, loaded):
    shown = show(as_operator)
    assert "Loaded to 20 Nov 2026" in shown
    for expected in (loaded.name, "12,345", "12,300", ">32<", ">13<"):
        assert expected in shown


def test_operators_see_which_weekdays_are_missing_and_why(as_operator, page, loaded):
    tries = {"problem": WEB_PAGE, "next_action_at": NOW + timedelta(hours=4)}
    FtcFile.objects.create(name="a.csv", day=date(2026, 11, 24), url="https://x", state="no_file", **tries)
    shown = show(as_operator)
    assert "Tue 24 Nov 2026" in shown
    assert WEB_PAGE.replace("'", "&#x27;") in shown
    assert "25 Nov 2026, 22:00:00 UTC" in shown
    assert "Mon 23 Nov 2026" in shown
    assert "lists no file of this day" in shown
    assert "Sun 22 Nov 2026" not in shown, "a Sunday has no file"


def test_days_that_the_page_no_longer_lists_stay_listed_as_missing(as_operator, page, loaded):
    FtcFile.objects.create(
        name="a.csv", day=date(2026, 11, 24), url="https://x", state="no_file", problem=WEB_PAGE, is_listed=False
    )
    shown = show(as_operator)
    assert "1 missing day that the page no longer lists" in shown


def test_a_page_that_cannot_be_read_is_told_with_what_to_do(as_operator, page):
    FtcIndexPage.objects.update(problem="The address does not exist (404).")
    shown = show(as_operator)
    assert "The page could not be read. The address does not exist (404)." in shown
    assert "load_complaints" in shown


def test_it_is_said_if_files_are_not_fetched(as_operator, settings):
    settings.FTC_FETCH = False
    assert "FTC_FETCH is off" in show(as_operator)


def test_the_page_of_a_file_has_the_reasons_why_rows_were_skipped(as_operator, loaded):
    shown = show(as_operator, reverse("admin:reputation_complaintfile_change", args=[loaded.pk]))
    assert "<p>12: without a number<br>line 3, …</p><p>1: dated in the future<br>line 9</p>" in shown


def test_files_that_were_loaded_before_rows_were_counted_say_so(as_operator, loaded):
    ComplaintFile.objects.update(skipped_count=None)
    assert "not counted" in show(as_operator)


def test_query_count_is_the_same_for_1_and_50_missing_days(as_operator, page, loaded):
    show(as_operator)  # the first request of a session notes that the person is active
    counts = []
    for first in (date(2026, 11, 23), date(2026, 9, 1)):
        FtcFile.objects.create(name=f"{first}.csv", day=first, url="https://x", state="missing")
        with CaptureQueriesContext(connection) as queries:
            show(as_operator)
        counts.append(len(queries))
    assert counts[0] == counts[1]
