"""/metrics: who may read it, what it says, and at which cost."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings as portal_settings
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from portal.jobs import totals
from portal.jobs.runner import run_until_done, task
from portal.jobs.work import get_kinds
from portal.models import Canary, MetricTotal
from portal.webhooks.results import ATTEMPTS
from reputation.metrics import MATCH_SECONDS, count_provider_call
from tests.factories import MonitoredNumberFactory

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-more-than-twenty-characters"
PROXIED = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests():
    totals._counts.clear()


def read_samples(client, **options) -> dict[tuple[str, str], float]:
    """The samples by the name of the metric and the values of its labels."""
    answer = client.get("/metrics", **options)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_programs_on_this_machine_may_read_it_whatever_the_host(client, settings):
    settings.ALLOWED_HOSTS = ["numbers.example.com"]
    answer = client.get("/metrics", headers={"host": "127.0.0.1:8000"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_others_need_the_token(client, settings):
    def get(**headers):
        return client.get("/metrics", headers=PROXIED | headers).status_code

    settings.METRICS_TOKEN = ""
    assert [get(), get(authorization="Bearer "), get(authorization="Bearer")] == [404, 404, 404]
    settings.METRICS_TOKEN = TOKEN
    assert get(authorization=f"Bearer {TOKEN}") == 200
    others = ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é\x00"]
    assert [get(authorization=other) for other in others] == [404] * len(others)


def test_the_number_of_queries_is_fixed_however_much_there_is(client, now):
    with CaptureQueriesContext(connection) as of_nothing:
        read_samples(client)
    MonitoredNumberFactory.create_batch(3, next_action_at=timezone.now() - timedelta(days=1))
    Canary.objects.create(name="cluster", started_at=now, checked_at=now, last_run_at=now)
    count_provider_call("vendor", "look_up", cost=1, is_failed=True)
    totals.flush()
    with CaptureQueriesContext(connection) as of_something:
        read_samples(client)
    # A kind that is switched off asks nothing.
    assert len(of_something) == len(of_nothing) <= 2 * len(get_kinds()) + 6


def test_due_work_has_its_number_and_age(client):
    before = read_samples(client)
    MonitoredNumberFactory.create_batch(3, next_action_at=timezone.now() - timedelta(hours=1))
    samples = read_samples(client)
    # Another kind may have as many rows.
    more = {kind: value - before[name, kind] for (name, kind), value in samples.items() if name == "portal_due_rows"}
    kinds = [kind for kind, value in more.items() if value]
    assert [more[kind] for kind in kinds] == [3], more
    kind = kinds[0]
    assert samples["portal_due_age_seconds", kind] == pytest.approx(3600, abs=120)
    assert samples["portal_due_late_seconds", kind] > 0


def test_canary_has_an_age_which_is_infinite_before_the_first(client, now):
    assert read_samples(client)["portal_canary_age_seconds", ""] == float("inf")
    long_ago = timezone.now() - timedelta(minutes=10)
    Canary.objects.create(name="cluster", started_at=long_ago, checked_at=long_ago, last_run_at=long_ago)
    assert read_samples(client)["portal_canary_age_seconds", ""] == pytest.approx(600, abs=120)


def test_rows_of_sweeps_are_counted_once_their_task_ends(client):
    chunks = [5, 2, 0]

    @task
    def sweep() -> None:
        run_until_done("count things", lambda: chunks.pop(0))
        assert not MetricTotal.objects.exists()

    sweep()
    samples = read_samples(client)
    assert samples["portal_sweep_rows_total", "count things"] == 7
    assert samples["portal_sweep_seconds_total", "count things"] > 0


def test_provider_calls_failures_and_cost_add_up(client):
    for is_failed in (False, True):
        count_provider_call("vendor", "look_up", cost=0.25, is_failed=is_failed)
        totals.flush()
    samples = read_samples(client)
    assert samples["portal_provider_calls_total", "look_up,vendor"] == 2
    assert samples["portal_provider_failures_total", "look_up,vendor"] == 1
    assert samples["portal_provider_cost_dollars_total", "look_up,vendor"] == 0.5


def test_match_latency_is_a_histogram(client):
    for seconds in (0.0005, 0.004, 0.004, 7):
        MATCH_SECONDS.observe(seconds)
    totals.flush()
    samples = read_samples(client)
    assert samples["portal_match_seconds_bucket", "0.001"] == 1
    assert samples["portal_match_seconds_bucket", "0.005"] == 3
    assert samples["portal_match_seconds_bucket", "+Inf"] == samples["portal_match_seconds_count", ""] == 4
    assert samples["portal_match_seconds_sum", ""] == pytest.approx(7.0085)


@pytest.mark.django_db(transaction=True)
def test_counts_that_cannot_be_written_are_kept(monkeypatch, caplog):
    count_provider_call("vendor", "look_up", cost=0, is_failed=False)
    with monkeypatch.context() as patched:
        patched.setattr(MetricTotal._meta, "db_table", "no_such_table")
        totals.flush()
    assert "are kept" in caplog.text
    totals.flush()
    assert MetricTotal.objects.get(metric="portal_provider_calls").value == 1


def test_a_task_that_met_an_outage_leaves_its_counts_to_the_next():
    """Writing them would wait for the database as long as the task did, and fail as well."""
    errors = [OperationalError("server closed the connection unexpectedly"), None]

    @task
    def call_provider() -> None:
        count_provider_call("vendor", "look_up", cost=0, is_failed=False)
        if error := errors.pop(0):
            raise error

    call_provider()
    assert not MetricTotal.objects.exists()
    call_provider()
    assert MetricTotal.objects.get(metric="portal_provider_calls").value == 2


def test_alert_rules_name_metrics_that_exist_and_say_what_to_do(client):
    count_provider_call("vendor", "look_up", cost=0, is_failed=True)
    ATTEMPTS.add("failed")
    totals.flush()
    names = {name for name, _ in read_samples(client)} | {"up"}
    path = Path(portal_settings.BASE_DIR, "deploy", "alert-rules.yml")
    rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 7
    for rule in rules:
        metrics = set(re.findall(r"portal_\w+|\bup\b", rule["expr"]))
        assert metrics, rule["alert"]
        assert metrics <= names, rule["alert"]
        assert {"summary", "description"} <= set(rule["annotations"]), rule["alert"]
