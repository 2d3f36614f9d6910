"""Pages that show progress say so when no worker is at it, and since when."""

from datetime import timedelta

import pytest
from django.template.defaultfilters import striptags
from django.urls import reverse
from django.utils import timezone

from portal.templatetags.formatting import exact
from reputation.models import BulkAction, NumberImport
from reputation.work.waiting import SILENT_FOR
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

TEXT = "Waiting for workers since"


@pytest.fixture
def since():
    return timezone.now() - timedelta(minutes=2)


@pytest.fixture
def batch(account, since) -> NumberImport:
    return NumberImport.objects.create(
        account=account, file_name="numbers.csv", size=10, state="reading", received_at=since
    )


@pytest.fixture(params=["preparing", "applying"])
def bulk_action(request, account, admin, since) -> BulkAction:
    return BulkAction.objects.create(
        account=account, user=admin.user, action="disable", state=request.param, created_at=since, total_count=5
    )


def read(client, name: str, *args: object) -> str:
    return " ".join(striptags(get_html(client.get(reverse(name, args=args)))).split())


def test_an_import_says_since_when_it_waits_and_where_it_goes_on(as_viewer, batch, since):
    page = get_html(as_viewer.get(reverse("import", args=[batch.pk])))
    assert f"{TEXT} {exact(timezone.localtime(since))[:11]}" in " ".join(page.split())
    assert "data-poll" in page, "the page reads itself again"
    assert 'data-announce="Waiting for workers' in page
    for elsewhere in ("overview", "phone-numbers"):
        assert TEXT in read(as_viewer, elsewhere)


def test_a_window_and_the_tables_say_since_when_a_bulk_action_waits(as_admin, bulk_action):
    window = get_html(as_admin.get(reverse("bulk-action", args=[bulk_action.pk])))
    assert TEXT in window
    assert 'hx-trigger="every 1s"' in window, "the window reads itself again"
    if bulk_action.state == BulkAction.State.APPLYING:
        assert TEXT in read(as_admin, "overview")
        assert TEXT in read(as_admin, "number-reputation")


@pytest.mark.parametrize(
    "changes",
    [
        lambda now: {"lease_until": now + timedelta(seconds=9)},
        lambda now: {"waiting_since": now - SILENT_FOR / 2},
        lambda now: {"lease_until": now - SILENT_FOR / 2},
        lambda now: {"confirmed_at": now - SILENT_FOR / 2},
    ],
    ids=["a worker holds it", "a worker let go of it", "a worker died just now", "it was just confirmed"],
)
def test_nothing_is_said_while_workers_come(changes, as_admin, batch, bulk_action):
    values = changes(timezone.now())
    NumberImport.objects.update(**values)
    BulkAction.objects.update(**values)
    assert TEXT not in read(as_admin, "import", batch.pk)
    assert TEXT not in read(as_admin, "bulk-action", bulk_action.pk)


def test_what_has_ended_does_not_wait(as_admin, batch, bulk_action):
    NumberImport.objects.update(state="cancelled", ended_at=timezone.now())
    BulkAction.objects.update(state="done", ended_at=timezone.now())
    assert TEXT not in read(as_admin, "import", batch.pk)
    assert TEXT not in read(as_admin, "bulk-action", bulk_action.pk)
