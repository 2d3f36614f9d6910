"""The page shows a bulk action as one line, and filters by day and by object."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal import audit
from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import PhoneNumber
from tests.factories import MemberFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

URL = reverse("audit-trail")


@pytest.fixture
def numbers(account):
    return PhoneNumberFactory.create_batch(120, account=account)


@pytest.fixture
def retire(account, numbers, actor, now):
    """Retire the first numbers, in one bulk action; return the number of its batch."""

    def retire(count: int) -> int:
        rows = PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers[:count]])
        context = Context(actor, now)
        audit.record_changes(rows, context=context, code="number.retired", label="e164", before=F("label"))
        batch = AuditEvent.objects.latest("pk").batch
        assert batch
        return batch

    return retire


@pytest.fixture
def record(account, numbers, actor, now):
    def record(at: datetime = now, code: str = "number.changed", index: int = 0) -> AuditEvent:
        audit.record_event(account=account, context=Context(actor, at), code=code, subject=numbers[index])
        return AuditEvent.objects.latest("pk")

    return record


def get_page(client, **params):
    return client.get(URL, params).context["page"]


def test_a_bulk_action_is_one_line_that_says_how_many(as_viewer, retire, record):
    before = record()
    batch = retire(120)
    after = record()
    page = get_page(as_viewer)
    assert [(line.event.code, line.count) for line in page.lines] == [
        (after.code, 1),
        ("number.retired", 120),
        (before.code, 1),
    ]
    html = get_html(as_viewer.get(URL))
    assert "120 phone numbers" in html
    assert f"{URL}?batch={batch}" in html


def test_the_line_expands_to_its_events_on_pages(as_viewer, retire, record):
    batch = retire(120)
    record()
    first = get_page(as_viewer, batch=batch)
    second = get_page(as_viewer, batch=batch, before=first.older)
    third = get_page(as_viewer, batch=batch, before=second.older)
    listed = [event for page in (first, second, third) for event in page.events]
    assert listed == list(AuditEvent.objects.filter(batch=batch).order_by("-pk"))
    assert third.older == 0


def test_a_batch_of_another_account_shows_nothing(as_viewer, now, actor):
    stranger = MemberFactory().account
    number = PhoneNumberFactory(account=stranger)
    audit.record_event(account=stranger, context=Context(actor, now), code="number.changed", subject=number)
    assert get_page(as_viewer, batch=AuditEvent.objects.get().batch).lines == []


def test_a_bulk_action_of_one_number_is_an_event_like_others(as_viewer, retire, numbers):
    retire(1)
    (line,) = get_page(as_viewer).lines
    assert (line.batch, line.event.subject_label) == (0, numbers[0].e164)


def test_a_search_lists_the_events_of_a_bulk_action_that_match(as_viewer, retire, numbers):
    retire(120)
    (line,) = get_page(as_viewer, q=numbers[7].e164).lines
    assert (line.event.subject_id, line.batch) == (numbers[7].pk, 0)


def test_events_of_one_object_can_be_listed(as_viewer, retire, record, numbers):
    retire(120)
    event = record(index=3)
    other = record(index=4)
    lines = get_page(as_viewer, object=event.subject_key).lines
    assert [(line.event.code, line.event.subject_id) for line in lines] == [
        ("number.changed", numbers[3].pk),
        ("number.retired", numbers[3].pk),
    ]
    assert f"?object=phonenumber%3A{other.subject_id}" in get_html(as_viewer.get(URL))


def test_days_are_those_of_the_accounts_time_zone(as_viewer, account, record):
    zone = ZoneInfo(account.time_zone)
    late = record(datetime(2026, 3, 10, 23, 30, tzinfo=zone))
    early = record(datetime(2026, 3, 11, 0, 30, tzinfo=zone))
    assert get_page(as_viewer, until="2026-03-10").events == [late]
    assert get_page(as_viewer, **{"from": "2026-03-11"}).events == [early]
    assert get_page(as_viewer, **{"from": "2026-03-10", "until": "2026-03-11"}).events == [early, late]


def test_kind_and_actor_filter_bulk_actions(as_viewer, retire, record, admin):
    retire(120)
    record(code="campaign.paused")
    assert [line.count for line in get_page(as_viewer, kind="numbers").lines] == [120]
    assert [line.count for line in get_page(as_viewer, who=admin.user_id).lines] == [1, 120]
    assert get_page(as_viewer, who="service").lines == []


def test_events_of_an_earlier_release_follow_on_later_pages(as_viewer, account, record, now):
    old = AuditEvent.objects.bulk_create(
        AuditEvent(account=account, at=now - timedelta(days=9), via="task", code="number.added", subject_id=number)
        for number in range(60)
    )
    new = [record() for _ in range(10)]
    first = get_page(as_viewer)
    assert first.events == [*new[::-1], *old[20:][::-1]]
    second = get_page(as_viewer, before=first.older)
    assert second.events == old[:20][::-1]
    assert get_page(as_viewer, after=second.newer).events == first.events


@pytest.mark.parametrize(
    "params",
    [
        {"batch": "9" * 30},
        {"batch": str(2**63)},
        {"batch": "x"},
        {"object": "phonenumber"},
        {"object": "\x00:1"},
        {"object": "case:" + "9" * 30},
        {"from": "2026-02-31", "until": "0001-01-01"},
        {"from": "\x00", "until": "9999-12-31"},
    ],
)
def test_malformed_filters_are_ignored(as_viewer, record, params):
    event = record()
    assert get_page(as_viewer, **params).events == [event]


def test_the_number_of_queries_does_not_grow_with_bulk_actions(as_viewer, retire, record):
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_viewer.get(URL)
        return len(captured)

    retire(2)
    count_queries()
    few = count_queries()
    for _ in range(30):
        retire(120)
        record()
    assert count_queries() == few


def submit_search(client, q: str, **params):
    """Search with the form of the page, as it was opened with these parameters."""
    form = get_html(client.get(URL, params)).partition('<form class="toolbar"')[2].partition("</form>")[0]
    kept = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)">', form))
    return get_page(client, q=q, **kept)


def test_search_on_the_page_of_a_bulk_action_stays_within_it(as_viewer, retire, record, numbers):
    record()
    batch = retire(120)
    record()
    (event,) = submit_search(as_viewer, numbers[0].e164, batch=batch).events
    assert (event.batch, event.subject_id) == (batch, numbers[0].pk)


def test_search_on_the_page_of_an_object_stays_with_it(as_viewer, record, numbers):
    wanted = record(index=1)
    record(index=2)
    page = submit_search(as_viewer, numbers[1].e164[:6], object=f"phonenumber:{numbers[1].pk}")
    assert page.events == [wanted]
