"""The events feed skips nothing and repeats nothing, also while transactions overtake one another."""

import threading
import time

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from portal import audit
from portal.audit import SYSTEM, Actor
from portal.models import AuditEvent
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory

# On PostgreSQL the feed tells transactions apart, so that these cannot be inside one.
pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = "/api/v1/events"


def note(account, now, what="number.added", subject=None, actor=SYSTEM):
    audit.record(account=account, actor=actor, now=now, what=what, subject=subject or account)


def feed(client, **params):
    answer = client.get(EVENTS, params)
    assert answer.status_code == 200, answer.content
    return answer.json()


def follow(client, cursor, count, **params) -> list[dict]:
    """Reads on from the cursor until so many events have come. On PostgreSQL they wait for older transactions, and
    those of tests that run beside this one are such."""
    seen, until = [], time.monotonic() + 60
    while len(seen) < count and time.monotonic() < until:
        page = feed(client, **params, **({"cursor": cursor} if cursor else {}))
        seen += page["items"]
        cursor = page["next_cursor"]
        if not page["has_more"] and len(seen) < count:
            time.sleep(0.1)
    return seen


@pytest.fixture
def started(api, account) -> str:
    """The cursor after what the fixtures themselves did, which is making the key."""
    follow(api, None, 1)
    return feed(api, limit=200)["next_cursor"]


def test_whoever_goes_on_with_the_cursor_gets_everything_once_in_order(api, account, now, started):
    for _ in range(7):
        note(account, now)
    seen = follow(api, started, 7, limit=3)
    made = AuditEvent.objects.exclude(what="api_key.made").order_by("pk").values_list("pk", flat=True)
    assert [one["id"] for one in seen] == list(made)
    page = feed(api, cursor=started, limit=3)
    assert (len(page["items"]), page["has_more"]) == (3, True)
    end = feed(api, cursor=started)["next_cursor"]
    assert feed(api, cursor=end) == {"items": [], "next_cursor": end, "has_more": False}
    note(account, now)
    assert len(follow(api, end, 1)) == 1


def test_another_accounts_events_are_not_in_it(api, account, now, started):
    note(AccountFactory(), now)
    note(account, now, what="number.changed")
    assert [one["what"] for one in follow(api, started, 1)] == ["number.changed"]


def test_an_event_says_what_about_whom_and_by_whom(api, account, now, started, admin):
    campaign = CampaignFactory(account=account, name="Renewals")
    audit.record(
        account=account,
        actor=Actor(user=admin.user, via="web"),
        now=now,
        what="campaign.name",
        subject=campaign,
        before="Spring",
        after="Renewals",
    )
    note(account, now, what="tag.detected", subject=PhoneNumberFactory(account=account, e164="+12065550143"))
    renamed, tagged = follow(api, started, 2)
    assert renamed["what"] == "campaign.name"
    assert renamed["words"] == "Campaign renamed"
    assert renamed["about"] == {"kind": "campaign", "id": campaign.pk, "label": "Renewals"}
    assert (renamed["before"], renamed["after"]) == ("Spring", "Renewals")
    assert renamed["by"] == {"name": admin.user.get_full_name(), "via": "web"}
    assert (tagged["about"]["label"], tagged["by"]) == ("+12065550143", {"name": None, "via": "task"})


def test_only_a_kind_of_events_may_be_asked_for(api, account, now, started):
    for what in ("number.added", "tag.detected", "case.opened", "campaign.added"):
        note(account, now, what=what)
    assert [one["what"] for one in follow(api, started, 2, kind="tags")] == ["tag.detected", "case.opened"]
    answer = api.get(EVENTS, {"kind": "nonsense"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_a_transaction_that_takes_longer_than_a_later_one_is_not_skipped(api, account, now, started):
    """The first writes its event and waits; the second writes and commits; a reader comes; then the first commits.

    On SQLite the second has to wait for the first, so that there is nothing to be skipped.
    """
    written, read, seen = threading.Event(), threading.Event(), []

    def first():
        try:
            with transaction.atomic():
                note(account, now, what="number.added")
                written.set()
                read.wait(5 if connection.vendor == "postgresql" else 0.2)
        finally:
            connections.close_all()

    def second():
        try:
            written.wait(5)
            note(account, now, what="number.removed")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    threads[1].join()
    page = feed(api, cursor=started)
    seen += page["items"]
    read.set()
    threads[0].join()
    seen += follow(api, page["next_cursor"], 2 - len(seen))
    assert [one["what"] for one in seen] == ["number.added", "number.removed"]


def test_a_page_asks_as_much_for_5_events_as_for_200(api, account, now, started, admin, settings):
    settings.API_RATE_LIMIT = 0  # which asks once a second, however much is answered

    def queries():
        with CaptureQueriesContext(connection) as captured:
            feed(api, cursor=started, limit=200)
        return len(captured)

    for _ in range(5):
        note(account, now, actor=Actor(user=admin.user, via="web"))
    queries()
    few = queries()
    for _ in range(195):
        note(account, now, actor=Actor(user=admin.user, via="web"))
    assert queries() == few
