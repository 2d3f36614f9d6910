"""What operators see of providers and of complaint files."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from portal.jobs import totals
from portal.models import MetricTotal
from portal.operations.sections import Problem
from reputation import operations
from reputation.models import Connection, FtcFile
from reputation.providers.client import ProviderClient
from reputation.providers.protocol import ProviderUnavailable
from tests.support.pages import get_html
from tests.support.provider import FakeProvider

pytestmark = pytest.mark.django_db

# A Wednesday, after the file of the day is published.
NOW = datetime(2026, 11, 18, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_calls_of_other_tests():
    totals.flush()
    MetricTotal.objects.all().delete()


def get_rows(now: datetime) -> dict[str, list[object]]:
    """The rows of the fake vendor's connection, by operation: state, last success, last failure, and so on."""
    rows = operations.describe_providers(now).rows
    return {row[1]: list(row[2:]) for row in rows if row[0].startswith(f"{FakeProvider.name} ")}


# Providers


def test_each_connection_has_its_last_success_and_its_last_failure(provider, now, as_operator):
    connection = Connection.objects.get(provider=FakeProvider.name)
    assert get_rows(now) == {"": ["not called yet", "", "", "", ""]}

    ProviderClient(now).call(connection, "look_up", ["+12062550143"])
    totals.flush()
    assert get_rows(now) == {"look_up": ["works", now, "", "", ""]}

    later = now + timedelta(hours=1)
    provider.failures["look_up"] = ProviderUnavailable("It answers 500.")
    ProviderClient(later).call(connection, "look_up", ["+12062550143"])
    totals.flush()
    state, *times = get_rows(later)["look_up"]
    assert state == "fails: It answers 500."
    assert times[:3] == [now, later, later]
    assert "Last success" in get_html(as_operator.get(reverse("admin:portal_taskfailure_changelist")))


def test_calls_take_no_query_more_and_are_written_in_one_statement(provider, now, django_assert_num_queries):
    connection = Connection.objects.get(provider=FakeProvider.name)
    client = ProviderClient(now)
    with django_assert_num_queries(0):
        for _ in range(3):
            client.call(connection, "look_up", ["+12062550143"])
            client.call(connection, "poll", ["reference"])
    with django_assert_num_queries(2):  # what was counted, and the times
        totals.flush()
    with django_assert_num_queries(0):
        totals.flush()


def test_an_earlier_time_of_another_process_does_not_replace_a_later_one(provider, now):
    connection = Connection.objects.get(provider=FakeProvider.name)
    for moment in (now, now - timedelta(hours=1)):
        ProviderClient(moment).call(connection, "look_up", ["+12062550143"])
        totals.flush()
    assert get_rows(now)["look_up"][1] == now


# Complaint files


@pytest.fixture
def loaded(settings) -> None:
    """The files of the two weeks before NOW are loaded, except that of Monday the 9th."""
    settings.FTC_FETCH = True
    for age in range(14):
        day = NOW.date() - timedelta(days=age)
        state = "waiting" if day == date(2026, 11, 9) else "loaded"
        next_action_at = NOW if state == "waiting" else None
        FtcFile.objects.create(name=f"{day}.csv", day=day, url="https://x", state=state, next_action_at=next_action_at)


def get_problem(now: datetime) -> Problem | None:
    return next(iter(operations.describe_complaint_files(now).problems), None)


def test_a_missing_day_is_a_problem_with_what_to_do(loaded):
    problem = get_problem(NOW)
    assert problem is not None
    assert problem.text.startswith("Complaint files of 1 day are missing: 2026-11-09.")
    assert "manage.py load_complaints" in problem.advice
    assert not problem.is_urgent


def test_a_day_that_may_still_come_is_no_problem_yet(loaded):
    FtcFile.objects.filter(day=date(2026, 11, 9)).update(state="loaded", next_action_at=None)
    FtcFile.objects.filter(day=date(2026, 11, 17)).update(state="waiting", next_action_at=NOW)
    assert "1 day missing" in operations.describe_complaint_files(NOW).note
    assert get_problem(NOW) is None
    assert get_problem(NOW + timedelta(days=5)) is not None
