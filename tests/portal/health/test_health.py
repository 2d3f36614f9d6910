"""/healthz and /readyz: what they say, to whom, and how long they take."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.health.checks import check_database
from portal.health.views import DATABASE_SECONDS
from portal.jobs.work import get_kinds
from portal.models import Canary
from tests.factories import LicenceFactory, MonitoredNumberFactory

# The checks run in a thread of their own, which does not see what a test has not committed.
pytestmark = pytest.mark.django_db(transaction=True)

ALL_OK = dict.fromkeys(("database", "migrations", "canary", "work", "mail", "disk"), "ok")


@pytest.fixture
def canary(now, settings) -> Canary:
    settings.MIN_FREE_DISK_MB = 0
    return Canary.objects.create(name="cluster", started_at=now, checked_at=now, last_run_at=now)


def get_failing(client) -> dict[str, str]:
    """The checks that are not "ok"."""
    answer = client.get("/readyz")
    assert answer.status_code == (200 if answer.json()["checks"] == ALL_OK else 503)
    return {name: word for name, word in answer.json()["checks"].items() if word != "ok"}


def test_healthz_asks_no_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_portal_that_works_is_ready(client, canary):
    answer = client.get("/readyz")
    assert answer.json() == {"status": "ok", "checks": ALL_OK}
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_number_of_queries_is_fixed_however_much_there_is(canary):
    with CaptureQueriesContext(connection) as of_nothing:
        check_database(timezone.now())
    MonitoredNumberFactory.create_batch(3, next_action_at=timezone.now() - timedelta(days=1))
    with CaptureQueriesContext(connection) as of_something:
        check_database(timezone.now())
    assert len(of_something) == len(of_nothing) <= 3 + len(get_kinds())


def test_a_canary_that_is_late_or_missing_is_named(client, canary):
    Canary.objects.create(
        name="other", started_at=canary.started_at, checked_at=canary.started_at, last_run_at=timezone.now()
    )
    Canary.objects.filter(name="cluster").update(last_run_at=timezone.now() - timedelta(hours=1))
    assert get_failing(client) == {}, "another cluster works"
    Canary.objects.update(last_run_at=timezone.now() - timedelta(minutes=4))
    assert get_failing(client) == {"canary": "late"}
    Canary.objects.update(last_run_at=None)
    assert get_failing(client) == {"canary": "missing"}


def test_late_work_is_named(client, canary):
    number = MonitoredNumberFactory(next_action_at=timezone.now() - timedelta(minutes=5))
    assert get_failing(client) == {}
    type(number).objects.update(next_action_at=timezone.now() - timedelta(days=1))
    assert get_failing(client) == {"work": "late"}


def test_late_mail_is_named(client, canary):
    licence = LicenceFactory()
    type(licence).objects.update(mail_due_at=timezone.now() - timedelta(days=1))
    assert get_failing(client) == {"mail": "late"}


def test_unapplied_migrations_are_named_and_later_ones_are_not(client, canary):
    recorder = MigrationRecorder(connection)
    recorder.record_applied("portal", "9999_of_a_later_version")
    try:
        assert get_failing(client) == {}
        recorder.record_unapplied("portal", "0004_canary")
        found = get_failing(client)
    finally:
        recorder.record_applied("portal", "0004_canary")
        recorder.record_unapplied("portal", "9999_of_a_later_version")
    assert found == {"migrations": "unapplied", "canary": "unknown", "work": "unknown", "mail": "unknown"}


def test_a_full_disk_and_a_missing_directory_are_named(client, canary, settings, tmp_path):
    settings.MIN_FREE_DISK_MB = 10**9
    assert get_failing(client) == {"disk": "full"}
    settings.MIN_FREE_DISK_MB, settings.DATA_DIR = 0, tmp_path / "gone"
    assert get_failing(client) == {"disk": "unreadable"}


def test_an_absent_database_is_named(client, canary, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/portal.sqlite3")
    found = get_failing(client)
    assert found.pop("database") == "absent"
    assert set(found.values()) == {"unknown"}
    assert client.get("/healthz").status_code == 200


def test_a_database_that_does_not_answer_delays_the_check_by_a_few_seconds(client, canary):
    if connection.vendor != "postgresql":
        pytest.skip("readers of SQLite never wait")
    threads = threading.active_count()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE portal_canary IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        for _ in range(3):
            assert get_failing(client)["database"] == "silent"
        assert time.monotonic() - began < 3 * (DATABASE_SECONDS + 2)
        assert threading.active_count() <= threads + 1
    assert get_failing(client) == {}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize(
    "request_options",
    [
        {"headers": {"X-Forwarded-For": "203.0.113.9"}},
        {"headers": {"Forwarded": "for=203.0.113.9"}},
        {"headers": {"X-Forwarded-Proto": "https"}},
        {"headers": {"X-Real-IP": "127.0.0.1"}},
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": "::ffff:10.0.0.7"},
        {"REMOTE_ADDR": "nonsense"},
    ],
    ids=str,
)
def test_others_and_those_behind_a_proxy_find_nothing(client, canary, path, request_options):
    assert client.get(path, **request_options).status_code == 404


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", ""])
def test_this_machine_needs_neither_a_known_host_nor_https(client, canary, settings, address):
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["numbers.example.com"], True
    for path in ("/healthz", "/readyz"):
        answer = client.get(path, REMOTE_ADDR=address, headers={"host": "127.0.0.1:8000"})
        assert answer.status_code == 200, answer


def test_health_checks_accept_no_post(client, canary):
    assert client.post("/readyz").status_code == 405
    assert client.head("/readyz").status_code == 200
