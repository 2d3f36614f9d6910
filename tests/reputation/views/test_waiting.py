"""Pages that show progress say so when no worker is at it, and since when."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.template.defaultfilters import striptags
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.audit import Context
from portal.models import Account
from portal.templatetags.formatting import exact
from reputation.models import BulkAction, Campaign, NumberImport, PhoneNumber, Registration
from reputation.monitoring import capability, verification
from reputation.work.waiting import SILENT_FOR, TURN
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory
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


def get_day(account: Account, at: datetime) -> str:
    """As the account's pages show it: for some hours, its day is another than that of UTC."""
    with timezone.override(account.time_zone):
        return exact(at)[:11]


def test_an_import_says_since_when_it_waits_and_where_it_goes_on(as_viewer, account, batch, since):
    page = get_html(as_viewer.get(reverse("import", args=[batch.pk])))
    assert f"{TEXT} {get_day(account, since)}" in " ".join(page.split())
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


# Verification


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account)


@pytest.fixture
def verifying(provider, campaign, since) -> PhoneNumber:
    """A number in the campaign whose registrations are due since `since`."""
    number = PhoneNumberFactory(account=campaign.account, campaign=campaign)
    capability.enable([number.pk], context=Context.system(since - TURN))
    Registration.objects.update(next_action_at=since - TURN)
    return number


def get_pages(number: PhoneNumber) -> list[tuple[object, ...]]:
    return [("number", number.pk), ("overview",), ("number-reputation",), ("campaign", number.campaign_id)]


def test_pages_say_since_when_a_verification_waits(as_viewer, account, verifying, since):
    for page in get_pages(verifying):
        assert f"{TEXT} {get_day(account, since - TURN)}" in read(as_viewer, *page), page


def test_a_verification_that_workers_are_at_does_not_wait(as_viewer, verifying):
    now = timezone.now()
    for changes in (
        {"lease_until": now + timedelta(seconds=9), "lease_token": "held"},
        {"lease_until": None, "lease_token": "", "next_action_at": now - TURN / 2},
        {"next_action_at": now + timedelta(hours=1)},
    ):
        Registration.objects.update(**changes)
        for page in get_pages(verifying):
            assert TEXT not in read(as_viewer, *page), (page, changes)


def test_a_number_does_not_wait_once_it_is_verified(as_viewer, verifying):
    verification.verify_due(timezone.now())
    assert Registration.objects.filter(state="accepted").exists()
    for page in get_pages(verifying):
        assert TEXT not in read(as_viewer, *page), page


def test_the_verification_of_another_account_is_not_mentioned(as_viewer, verifying):
    own = PhoneNumberFactory(account=verifying.account, campaign=verifying.campaign, capability="verifying")
    other_account = AccountFactory()
    PhoneNumber.objects.filter(pk=verifying.pk).update(account=other_account, campaign=None)
    Registration.objects.update(account=other_account)
    for page in get_pages(own):
        assert TEXT not in read(as_viewer, *page), page


def test_a_page_takes_as_many_queries_for_many_waiting_numbers_as_for_one(as_viewer, verifying, since):
    def count(page: tuple[object, ...]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert TEXT in read(as_viewer, *page)
        return len(queries)

    pages = get_pages(verifying)
    [count(page) for page in pages]
    before = [count(page) for page in pages]
    numbers = PhoneNumberFactory.create_batch(20, account=verifying.account, campaign=verifying.campaign)
    capability.enable([number.pk for number in numbers], context=Context.system(since - TURN))
    Registration.objects.update(next_action_at=since - TURN)
    assert [count(page) for page in pages] == before
