"""Numbers that leave their campaign: the lowest ids take the free seats, and monitoring ends for the others."""

import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts.licensing import Product
from portal.audit import Context
from portal.models import AuditEvent
from reputation import campaigns, phone_numbers
from reputation.bulk_actions import actions
from reputation.imports import pipeline
from reputation.models import BulkAction, PhoneNumber
from reputation.monitoring import coverage
from reputation.monitoring.eligibility import get_coverage
from tests.factories import CampaignFactory, LicenceFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.reputation.api.helpers import send_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(enrolled_account):
    """A campaign whose numbers need no seat. The account has three seats, of which one is used."""
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=3)
    MonitoredNumberFactory(account=enrolled_account)
    return CampaignFactory(account=enrolled_account)


@pytest.fixture
def numbers(campaign):
    """Five monitored numbers in the campaign: there are seats for two."""
    return [MonitoredNumberFactory(account=campaign.account, campaign=campaign) for _ in range(5)]


def capabilities(numbers) -> list[str]:
    stored = dict(PhoneNumber.objects.values_list("pk", "capability"))
    return [stored[number.pk] for number in numbers]


KEPT_TWO = ["on", "on", "off", "off", "off"]


def test_the_lowest_ids_take_the_free_seats_and_monitoring_ends_for_the_rest(campaign, numbers, actor, now):
    ids = [number.pk for number in reversed(numbers)]
    campaigns.unassign(ids, account_id=campaign.account_id, context=Context(actor, now))
    assert capabilities(numbers) == KEPT_TWO
    assert get_coverage(campaign.account, now).seats_used == 3
    events = AuditEvent.objects.filter(code="capability.off")
    assert set(events.values_list("reason", "actor")) == {(coverage.LEFT_CAMPAIGN, actor.user.pk)}
    assert list(events.order_by("pk").values_list("subject_id", flat=True)) == [number.pk for number in numbers[2:]]


def test_numbers_that_already_have_a_seat_keep_it(campaign, numbers, actor, now):
    later = MonitoredNumberFactory(account=campaign.account)
    campaigns.unassign([number.pk for number in numbers], account_id=campaign.account_id, context=Context(actor, now))
    assert capabilities([*numbers, later]) == ["on", "off", "off", "off", "off", "on"]


def test_moving_to_another_campaign_costs_no_seat(campaign, numbers, actor, now):
    other = CampaignFactory(account=campaign.account)
    campaigns.assign([number.pk for number in numbers], campaign=other, context=Context(actor, now))
    assert capabilities(numbers) == ["on"] * 5


def test_without_a_licence_for_campaigns_the_numbers_have_their_seats_already(account, actor, now):
    LicenceFactory(account=account, product=Product.PHONE_PRO)
    LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=2)
    campaign = CampaignFactory(account=account)
    numbers = [MonitoredNumberFactory(account=account, campaign=campaign) for _ in range(2)]
    campaigns.unassign([number.pk for number in numbers], account_id=account.pk, context=Context(actor, now))
    assert capabilities(numbers) == ["on", "on"]


def test_unassigning_costs_the_same_queries_for_5_and_for_200_numbers(campaign, actor, now):
    def count_queries(count: int) -> int:
        ids = [MonitoredNumberFactory(account=campaign.account, campaign=campaign).pk for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            campaigns.unassign(ids, account_id=campaign.account_id, context=Context(actor, now))
        return len(queries)

    assert count_queries(5) == count_queries(200)


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_do_not_exceed_the_seats(campaign, numbers):
    def take_out(number) -> None:
        try:
            context = Context.system(timezone.now())
            phone_numbers.change(number, label="", source="native", campaign=None, context=context, end_monitoring=True)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take_out, args=[number]) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    used = get_coverage(campaign.account, timezone.now())
    assert (used.seats, used.seats_used) == (3, 3)
    assert sorted(capabilities(numbers)) == sorted(KEPT_TWO)


# The window


def open_window(client, campaign, numbers) -> BulkAction:
    data = {"action": "unassign", "campaign": campaign.pk, "number": [number.pk for number in numbers]}
    client.post(reverse("bulk-action-open"), data)
    return BulkAction.objects.get()


def test_the_window_says_for_how_many_monitoring_ends_and_wants_a_tick(as_admin, campaign, numbers):
    window = open_window(as_admin, campaign, numbers)
    page = get_html(as_admin.get(reverse("bulk-action", args=[window.pk])))
    assert "Monitoring ends for 3 numbers." in page
    assert "Take out 5 numbers and end monitoring for 3" in page
    answer = as_admin.post(reverse("bulk-action-confirm", args=[window.pk]), follow=True)
    assert "Nothing was changed yet: tick the box below to go on." in get_html(answer)
    assert capabilities(numbers) == ["on"] * 5
    assert PhoneNumber.objects.filter(campaign=campaign).count() == 5
    confirmed = {"end_monitoring": "3"}
    answer = as_admin.post(reverse("bulk-action-confirm", args=[window.pk]), confirmed, follow=True)
    assert "Monitoring ended for 3 numbers" in get_html(answer)
    assert capabilities(numbers) == KEPT_TWO


def test_the_window_asks_nothing_while_seats_are_free(as_admin, campaign, numbers):
    window = open_window(as_admin, campaign, numbers[:2])
    assert "end_monitoring" not in get_html(as_admin.get(reverse("bulk-action", args=[window.pk])))
    as_admin.post(reverse("bulk-action-confirm", args=[window.pk]))
    assert capabilities(numbers) == ["on"] * 5
    assert PhoneNumber.objects.filter(campaign=campaign).count() == 3


def unassign_all(campaign, context: Context) -> BulkAction:
    """The window of an unassignment of all the campaign's numbers, not yet confirmed."""
    return actions.create_bulk_action(
        account=campaign.account,
        context=context,
        action="unassign",
        campaign=campaign,
        numbers=PhoneNumber.objects.in_campaign(campaign),
    )


def test_more_numbers_than_were_confirmed_stay_in_their_campaign(campaign, numbers, actor, now, monkeypatch):
    """A seat is taken between the confirmation and the work."""
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 0)
    window = unassign_all(campaign, Context(actor, now))
    actions.confirm(window, context=Context(actor, now), max_ending=3)
    MonitoredNumberFactory(account=campaign.account)
    actions.apply(window, context=Context(actor, now))
    assert capabilities(numbers) == ["on", "off", "off", "off", "on"]
    assert list(PhoneNumber.objects.in_campaign(campaign)) == numbers[4:]
    assert (window.applied_count, window.skipped_count) == (4, 1)


def test_chunks_of_a_large_action_give_the_seats_to_the_lowest_ids(campaign, numbers, actor, now, monkeypatch):
    monkeypatch.setattr(actions, "CHUNK", 2)
    window = unassign_all(campaign, Context(actor, now))
    actions.confirm(window, context=Context(actor, now), max_ending=3)
    assert capabilities(numbers) == KEPT_TWO
    window.refresh_from_db()
    assert window.ended_count == 3


# The page of a number


def test_the_page_of_a_number_asks_before_its_monitoring_ends(as_admin, campaign, numbers):
    number = numbers[0]
    for _ in range(2):
        MonitoredNumberFactory(account=campaign.account)
    url = reverse("phone-number-edit", args=[number.pk])
    data = {"label": "Typed", "source": "native", "campaign": ""}
    page = get_html(as_admin.post(url, data))
    assert "End monitoring of this number" in page
    assert "Nothing was saved yet." in page
    assert 'value="Typed"' in page
    number.refresh_from_db()
    assert (number.label, number.campaign, number.capability) == ("", campaign, "on")
    as_admin.post(url, data | {"end_monitoring": "on"})
    number.refresh_from_db()
    assert (number.label, number.campaign, number.capability) == ("Typed", None, "off")


def test_the_page_of_a_number_asks_nothing_while_a_seat_is_free(as_admin, numbers):
    url = reverse("phone-number-edit", args=[numbers[0].pk])
    assert as_admin.post(url, {"label": "", "source": "native", "campaign": ""}).status_code == 302
    assert capabilities(numbers[:1]) == ["on"]


# The API


def test_the_api_refuses_to_unassign_without_end_monitoring(api_client, campaign, numbers):
    path, body = f"/campaigns/{campaign.pk}/unassign", {"ids": [number.pk for number in numbers]}
    answer = send_request(api_client, "POST", path, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "monitoring_would_end")
    assert answer.json()["ends_monitoring"] == 3
    assert PhoneNumber.objects.filter(campaign=campaign).count() == 5
    assert not BulkAction.objects.exists()
    answer = send_request(api_client, "POST", path, body | {"end_monitoring": True})
    assert (answer.status_code, answer.json()["ends_monitoring"]) == (200, 3)
    assert capabilities(numbers) == KEPT_TWO


def test_the_api_refuses_to_confirm_a_dry_run_without_end_monitoring(api_client, campaign, numbers):
    body = {"filter": {"campaign": str(campaign.pk)}, "dry_run": True}
    shown = send_request(api_client, "POST", f"/campaigns/{campaign.pk}/unassign", body).json()
    assert shown["ends_monitoring"] == 3
    path = f"/bulk-actions/{shown['id']}/confirm"
    assert send_request(api_client, "POST", path).status_code == 409
    assert capabilities(numbers) == ["on"] * 5
    assert send_request(api_client, "POST", path, {"end_monitoring": True}).json()["ends_monitoring"] == 3
    assert capabilities(numbers) == KEPT_TWO


def test_the_api_refuses_to_change_a_number_without_end_monitoring(api_client, campaign, numbers):
    for _ in range(2):
        MonitoredNumberFactory(account=campaign.account)
    path = f"/numbers/{numbers[0].pk}"
    answer = send_request(api_client, "PATCH", path, {"campaign_id": None, "label": "Typed"})
    assert (answer.status_code, answer.json()["code"]) == (409, "monitoring_would_end")
    numbers[0].refresh_from_db()
    assert (numbers[0].campaign, numbers[0].label) == (campaign, "")
    answer = send_request(api_client, "PATCH", path, {"campaign_id": None, "end_monitoring": True})
    assert (answer.status_code, answer.json()["capability"]) == (200, "off")


# Imports


def test_an_import_takes_no_number_out_of_its_campaign(campaign, numbers, actor, now):
    """An empty cell keeps the campaign, so an import ends no monitoring: it can only move numbers between campaigns."""
    other = CampaignFactory(account=campaign.account)
    names = ["", other.name, "", other.name, ""]
    lines = "".join(f"{number.e164},New,{name}\n" for number, name in zip(numbers, names, strict=True))
    upload = SimpleUploadedFile("numbers.csv", f"number,label,campaign\n{lines}".encode())
    batch = pipeline.receive(account=campaign.account, upload=upload, context=Context(actor, now))
    pipeline.confirm(batch, context=Context(actor, now))
    assert batch.changed == 5
    assert not PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers], campaign__isnull=True).exists()
    assert capabilities(numbers) == ["on"] * 5


def test_numbers_that_are_not_monitored_need_no_confirmation(as_admin, campaign):
    numbers = [PhoneNumberFactory(account=campaign.account, campaign=campaign) for _ in range(5)]
    window = open_window(as_admin, campaign, numbers)
    as_admin.post(reverse("bulk-action-confirm", args=[window.pk]))
    assert not PhoneNumber.objects.filter(campaign=campaign).exists()
