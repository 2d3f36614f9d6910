"""Operations: what is late or fails, what to do, and the banner that leads there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import Schedule

from portal.models import AuditEvent, Heartbeat, OperationsCheck, TaskFailure
from portal.operations import portal_sections, state
from portal.operations.sections import build_sections, get_problems
from portal.operations.tasks import check_operations
from reputation.models import CircuitBreaker, Connection
from tests.factories import AccountFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

URL = reverse("admin:portal_taskfailure_changelist")


@pytest.fixture(autouse=True)
def all_is_well(now, settings, monkeypatch):
    plan = replace(portal_sections.get_numbering_plan(), report_date=now.date())
    monkeypatch.setattr(portal_sections, "get_numbering_plan", lambda: plan)
    settings.FTC_FETCH = False
    Heartbeat.objects.create(name="tasks", at=now)
    Schedule.objects.update(next_run=now + timedelta(minutes=1))


@pytest.fixture
def failure(now) -> TaskFailure:
    return TaskFailure.objects.create(
        fingerprint="1",
        task="reputation.tasks.lookups.look_up_numbers",
        exception="ValueError",
        message="It is <b>broken</b>",
        count=3,
        first_at=now,
        last_at=now,
    )


def urgent(now) -> list[str]:
    return [problem.text for problem in get_problems(build_sections(now)) if problem.is_urgent]


def test_nothing_is_urgent_when_all_is_well(now):
    assert urgent(now) == []


def test_page_names_the_failed_task_and_what_to_do(as_operator, failure):
    page = get_html(as_operator.get(URL))
    assert "1 task failed and did not succeed since: reputation.tasks.lookups.look_up_numbers." in page
    assert "repair its cause, or mark it as seen" in page
    assert "It is &lt;b&gt;broken&lt;/b&gt;" in page


def test_failure_has_a_page_with_the_traceback(as_operator, failure):
    TaskFailure.objects.update(traceback="Traceback (most recent call last)")
    page = get_html(as_operator.get(reverse("admin:portal_taskfailure_change", args=[failure.pk])))
    assert "Traceback (most recent call last)" in page


def test_marking_as_seen_ends_the_problem_and_is_recorded(as_operator, failure, now):
    check_operations()
    assert OperationsCheck.objects.get().problems
    as_operator.post(URL, {"action": "mark_as_seen", "_selected_action": [failure.pk]})
    failure.refresh_from_db()
    assert failure.seen_at
    assert urgent(now) == OperationsCheck.objects.get().problems == []
    assert AuditEvent.objects.get(code="task_failure.seen").subject_id == failure.pk


def test_workers_that_stand_still_are_a_problem(now):
    Heartbeat.objects.update(at=now - timedelta(minutes=10))
    Schedule.objects.filter(name="portal: look up numbers").update(next_run=now - timedelta(minutes=10))
    workers, schedules = urgent(now)
    assert workers.startswith("No task has run since")
    assert schedules == "1 schedule late: portal: look up numbers."


def test_a_provider_that_fails_for_long_is_a_problem(now):
    breaker = CircuitBreaker.objects.create(
        connection=Connection.objects.create(provider="example"),
        operation="look_up",
        opened_at=now - timedelta(minutes=59),
        retry_at=now,
        reason="It answers 500.",
    )
    assert urgent(now) == []
    CircuitBreaker.objects.filter(pk=breaker.pk).update(opened_at=now - timedelta(minutes=61))
    assert urgent(now) == ["example (operator): look_up fails. It answers 500."]


@pytest.mark.parametrize(
    ("age_days", "is_named", "is_in_banner"), [(180, False, False), (200, True, False), (400, True, True)]
)
def test_old_area_codes_are_named_and_very_old_ones_in_the_banner(now, age_days, is_named, is_in_banner):
    later = now + timedelta(days=age_days)
    problems = get_problems(build_sections(later))
    found = [problem for problem in problems if problem.text.startswith("The table of area codes is of")]
    assert [problem.is_urgent for problem in found] == ([is_in_banner] if is_named else [])
    assert all("manage.py load_area_codes" in problem.advice for problem in found)


def test_number_of_queries_does_not_depend_on_the_number_of_rows(as_operator, now):
    counts = []
    for total in (1, 5):
        for number in range(total):
            TaskFailure.objects.get_or_create(
                fingerprint=f"{number}", defaults={"task": f"task {number}", "first_at": now, "last_at": now}
            )
            link, _ = Connection.objects.get_or_create(provider="example", account=AccountFactory())
            CircuitBreaker.objects.create(connection=link, operation="poll", opened_at=now, retry_at=now)
        as_operator.get(URL)
        with CaptureQueriesContext(connection) as queries:
            as_operator.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("url", ["admin:index", "admin:portal_account_changelist"])
def test_banner_for_operators(as_operator, as_staff, failure, url):
    check_operations()
    assert "operations-banner" in get_html(as_operator.get(reverse(url)))
    assert "operations-banner" not in get_html(as_staff("reviewer").get(reverse(url)))


def test_banner_on_pages_of_the_portal_only_for_operators(as_owner, owner, failure):
    check_operations()
    assert "operations-banner" not in get_html(as_owner.get(reverse("overview")))
    owner.user.staff_role = "operator"
    owner.user.save()
    page = get_html(as_owner.get(reverse("overview")))
    assert "1 task failed" in page
    assert f'href="{URL}"' in page


def test_banner_costs_customers_no_query_and_operators_one(as_owner, owner):
    url = reverse("preferences")
    counts = []
    for role in ("", "operator"):
        owner.user.staff_role = role
        owner.user.save()
        as_owner.get(url)
        with CaptureQueriesContext(connection) as queries:
            as_owner.get(url)
        counts.append(len(queries))
    assert counts[1] == counts[0] + 1


def test_banner_says_that_the_workers_stand_still(now):
    assert state.describe_state(now) == ""
    state.check(now)
    assert state.describe_state(now + timedelta(minutes=4)) == ""
    assert state.describe_state(now + timedelta(minutes=6)).startswith("The workers stand still")
