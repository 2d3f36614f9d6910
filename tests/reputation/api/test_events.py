"""The events feed skips nothing and repeats nothing, also when transactions commit out of order."""

import threading

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from portal import audit
from portal.audit import SYSTEM, Actor, Context
from portal.models import AuditEvent
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory
from tests.support.waiting import TIMEOUT, wait_until

# On PostgreSQL the feed depends on transactions, so these tests cannot run inside one.
pytestmark = pytest.mark.django_db(transaction=True)

EVENTS_URL = "/api/v1/events"


def record_event(account, now, code="number.added", subject=None, actor=SYSTEM):
    audit.record_event(account=account, context=Context(actor, now), code=code, subject=subject or account)


def get_feed(client, **params):
    answer = client.get(EVENTS_URL, params)
    assert answer.status_code == 200, answer.content
    return answer.json()


def read_feed(client, cursor, count, **params) -> list[dict]:
    """Read on from the cursor until this many events have come.

    On PostgreSQL a transaction of another database, such as that of a test that runs at the same time, holds events
    back until the next read if it ends during a read.
    """
    seen = []

    def has_read_all() -> bool:
        nonlocal cursor
        page = get_feed(client, **params, **({"cursor": cursor} if cursor else {}))
        seen.extend(page["items"])
        cursor = page["next_cursor"]
        return len(seen) >= count

    wait_until(has_read_all)
    return seen


@pytest.fixture
def feed_cursor(api_client, account) -> str:
    """The cursor after the events of the fixtures, which create the key."""
    read_feed(api_client, None, 1)
    return get_feed(api_client, limit=200)["next_cursor"]


def test_reading_on_from_the_cursor_returns_every_event_once_in_order(api_client, account, now, feed_cursor):
    for _ in range(7):
        record_event(account, now)
    seen = read_feed(api_client, feed_cursor, 7, limit=3)
    made = AuditEvent.objects.exclude(code="api_key.made").order_by("pk").values_list("pk", flat=True)
    assert [event["id"] for event in seen] == list(made)
    page = get_feed(api_client, cursor=feed_cursor, limit=3)
    assert (len(page["items"]), page["has_more"]) == (3, True)
    end = get_feed(api_client, cursor=feed_cursor)["next_cursor"]
    assert get_feed(api_client, cursor=end) == {"items": [], "next_cursor": end, "has_more": False}
    record_event(account, now)
    assert len(read_feed(api_client, end, 1)) == 1


def test_events_of_other_accounts_are_not_in_the_feed(api_client, account, now, feed_cursor):
    record_event(AccountFactory(), now)
    record_event(account, now, code="number.changed")
    assert [event["what"] for event in read_feed(api_client, feed_cursor, 1)] == ["number.changed"]


def test_event_has_its_code_subject_values_and_actor(api_client, account, now, feed_cursor, admin):
    campaign = CampaignFactory(account=account, name="Renewals")
    audit.record_event(
        account=account,
        context=Context(Actor(user=admin.user, via="web"), now),
        code="campaign.name",
        subject=campaign,
        before="Spring",
        after="Renewals",
    )
    record_event(account, now, code="tag.detected", subject=PhoneNumberFactory(account=account, e164="+12065550143"))
    renamed, tagged = read_feed(api_client, feed_cursor, 2)
    assert renamed["what"] == "campaign.name"
    assert renamed["words"] == "Campaign renamed"
    assert renamed["about"] == {"kind": "campaign", "id": campaign.pk, "label": "Renewals"}
    assert (renamed["before"], renamed["after"]) == ("Spring", "Renewals")
    assert renamed["by"] == {"name": admin.user.get_full_name(), "email": admin.user.email, "via": "web"}
    assert (tagged["about"]["label"], tagged["by"]) == ("+12065550143", {"name": None, "email": None, "via": "task"})


def test_feed_can_be_filtered_by_kind(api_client, account, now, feed_cursor):
    for code in ("number.added", "tag.detected", "case.opened", "campaign.added"):
        record_event(account, now, code=code)
    assert [event["what"] for event in read_feed(api_client, feed_cursor, 2, kind="tags")] == [
        "tag.detected",
        "case.opened",
    ]
    answer = api_client.get(EVENTS_URL, {"kind": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_event_of_a_transaction_that_commits_late_is_not_skipped(api_client, account, now, feed_cursor):
    """The first writes its event and waits. The second writes and commits, the feed is read, and the first commits.

    On SQLite the second must wait for the first, so nothing can be skipped.
    """
    written, read, seen = threading.Event(), threading.Event(), []

    def first():
        try:
            with transaction.atomic():
                record_event(account, now, code="number.added")
                written.set()
                read.wait(TIMEOUT if connection.vendor == "postgresql" else 0.2)
        finally:
            connections.close_all()

    def second():
        try:
            written.wait(TIMEOUT)
            record_event(account, now, code="number.removed")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    threads[1].join()
    page = get_feed(api_client, cursor=feed_cursor)
    seen += page["items"]
    read.set()
    threads[0].join()
    seen += read_feed(api_client, page["next_cursor"], 2 - len(seen))
    assert [event["what"] for event in seen] == ["number.added", "number.removed"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="A server has several databases")
def test_open_transaction_of_another_database_holds_nothing_back(api_client, account, now, feed_cursor):
    with psycopg.connect(**connection.get_connection_params() | {"dbname": "postgres"}) as other:
        other.execute("SELECT pg_current_xact_id()")
        record_event(account, now, code="number.changed")
        assert [event["what"] for event in read_feed(api_client, feed_cursor, 1)] == ["number.changed"]
        assert other.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_query_count_is_the_same_for_5_and_200_events(api_client, account, now, feed_cursor, admin, settings):
    settings.API_RATE_LIMIT = 0  # the rate limiter makes a query once a second

    def queries():
        with CaptureQueriesContext(connection) as captured:
            get_feed(api_client, cursor=feed_cursor, limit=200)
        return len(captured)

    for _ in range(5):
        record_event(account, now, actor=Actor(user=admin.user, via="web"))
    queries()
    few = queries()
    for _ in range(195):
        record_event(account, now, actor=Actor(user=admin.user, via="web"))
    assert queries() == few
