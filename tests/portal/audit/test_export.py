"""The audit trail as CSV and as JSON lines."""

import csv
import io
import json
import tracemalloc

import pytest
from django.db import connection
from django.db.models import Value
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal import audit
from portal.audit import Context, export
from portal.audit.filters import AuditFilter
from portal.models import AuditEvent, User
from reputation.models import PhoneNumber
from tests.factories import MemberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

CSV, JSON_LINES = reverse("audit-trail-csv"), reverse("audit-trail-json-lines")


@pytest.fixture
def number(account):
    return PhoneNumberFactory(account=account, e164="+12065550143", label="=1+1")


@pytest.fixture
def trail(account, number, admin, actor, now):
    """An event of the admin, who is called by another name since, and one of another account."""
    User.objects.filter(pk=admin.user_id).update(name="Mallory Admin")
    context = Context(actor, now)
    audit.record_event(account=account, context=context, code="number.changed", subject=number, after="=1+1")
    User.objects.filter(pk=admin.user_id).update(name="Olivia Owner")
    other = MemberFactory().account
    audit.record_event(account=other, context=context, code="account.name", subject=other)
    return AuditEvent.objects.get(code="number.changed")


def read_csv(response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"))))


def read_json(response) -> list[dict]:
    return [json.loads(line) for line in b"".join(response).decode().splitlines()]


def test_csv_has_the_accounts_events_with_the_names_at_the_time(as_viewer, trail, admin):
    response = as_viewer.get(CSV)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    row = read_csv(response)[0]
    assert (row["id"], row["code"], row["object"]) == (str(trail.pk), "number.changed", "+12065550143")
    assert (row["actor"], row["e-mail"]) == ("Mallory Admin", admin.user.email)
    assert row["after"] == "'=1+1"


def test_json_lines_have_the_same_events(as_viewer, trail):
    first, second = read_json(as_viewer.get(JSON_LINES))
    assert (first["id"], first["object_type"], first["actor"]) == (trail.pk, "phonenumber", "Mallory Admin")
    assert (first["after"], first["batch"]) == ("=1+1", trail.batch)
    assert second["code"] == "export.audit_trail"


def test_an_export_is_an_event_itself(as_viewer, viewer, account, trail):
    as_viewer.get(CSV, {"kind": "numbers"})
    event = AuditEvent.objects.latest("pk")
    assert (event.code, event.account, event.actor) == ("export.audit_trail", account, viewer.user)
    assert (event.after, event.reason) == ("CSV", "Some of its events, by a filter")


def test_the_filters_of_the_page_choose_what_is_exported(as_viewer, trail):
    assert [row["id"] for row in read_csv(as_viewer.get(CSV, {"kind": "numbers"}))] == [str(trail.pk)]
    assert read_json(as_viewer.get(JSON_LINES, {"kind": "campaigns"})) == []


@pytest.mark.parametrize("url", [CSV, JSON_LINES])
def test_only_members_of_the_account_can_export(client, url, trail):
    assert client.get(url).status_code == 302
    stranger = MemberFactory(user__name="Stranger").user
    client.force_login(stranger)
    assert trail.subject_label not in b"".join(client.get(url)).decode()


@pytest.fixture
def record_many(account, actor, now):
    PhoneNumber.objects.bulk_create(
        PhoneNumber(account=account, e164=f"+1303555{n:04}", area_code="303", source="native") for n in range(1_000)
    )

    def record_many(times: int) -> None:
        for _ in range(times):
            rows = PhoneNumber.objects.filter(account=account)
            context = Context(actor, now)
            audit.record_changes(rows, context=context, code="number.retired", label="e164", reason=Value("x" * 200))

    return record_many


def test_exporting_reads_chunks_and_needs_no_more_memory_for_more_events(account, record_many):
    def export_and_measure() -> int:
        tracemalloc.start()
        for _ in export.iter_json_lines(account, AuditFilter()):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    record_many(3)
    export_and_measure()
    few = export_and_measure()
    record_many(15)
    assert export_and_measure() < 1.5 * few
    with CaptureQueriesContext(connection) as queries:
        assert sum(1 for _ in export.iter_json_lines(account, AuditFilter())) == 18_000
    assert len(queries) == 18_000 // export.CHUNK + 2
