"""Bulk actions: dry runs, confirmation, and work left to workers."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.accounts.licensing import Product
from portal.models import AuditEvent
from reputation.bulk_actions import actions
from reputation.bulk_actions.preview import get_preview
from reputation.models import BulkAction, PhoneNumber
from reputation.tasks.bulk_actions import apply_bulk_action
from tests.factories import (
    CampaignFactory,
    LicenceFactory,
    PhoneNumberFactory,
)
from tests.reputation.api.helpers import get_json, send_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def test_dry_run_returns_what_the_window_shows_and_changes_nothing(api_client, enrolled_account):
    campaign = CampaignFactory(account=enrolled_account)
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=1)
    PhoneNumberFactory.create_batch(2, account=enrolled_account, campaign=campaign)
    outside = PhoneNumberFactory.create_batch(3, account=enrolled_account)
    canadian = PhoneNumberFactory(account=enrolled_account, e164="+16045550143")
    said = send_request(api_client, "POST", "/numbers/enable", {"filter": {}, "dry_run": True}).json()
    assert (said["state"], said["chosen"], said["to_do"], said["applied"]) == ("shown", 6, 3, 0)
    refused = {one["code"]: (one["count"], [number["id"] for number in one["examples"]]) for one in said["refused"]}
    assert refused == {
        "outside_united_states": (1, [canadian.pk]),
        "no_free_seat": (2, [number.pk for number in outside[1:]]),
    }
    assert said["seats"] == {"total": 1, "used": 0, "free": 1, "unlimited": False}
    preview = get_preview(BulkAction.objects.get())
    assert (said["sentence"], said["to_do"]) == (preview.summary, preview.total_count)
    assert not PhoneNumber.objects.monitored().exists()


def test_confirmed_dry_run_is_applied_once_to_the_numbers_it_returned(api_client, enrolled_account, api_key):
    campaign = CampaignFactory(account=enrolled_account)
    shown = PhoneNumberFactory.create_batch(2, account=enrolled_account, campaign=campaign)
    pk = send_request(api_client, "POST", "/numbers/enable", {"filter": {}, "dry_run": True}).json()["id"]
    PhoneNumberFactory(account=enrolled_account, campaign=campaign)  # added after the dry run
    said = send_request(api_client, "POST", f"/bulk-actions/{pk}/confirm").json()
    assert (said["state"], said["applied"]) == ("done", 2)
    assert set(PhoneNumber.objects.monitored()) == set(shown)
    assert send_request(api_client, "POST", f"/bulk-actions/{pk}/confirm").json() == said
    assert get_json(api_client, f"/bulk-actions/{pk}") == said
    events = AuditEvent.objects.filter(code="capability.verifying")
    assert list(events.values_list("via", "api_key")) == [("api", api_key.pk)] * 2


def test_numbers_are_enabled_by_ids_and_disabled_by_filter(api_client, enrolled_account):
    campaign = CampaignFactory(account=enrolled_account)
    numbers = PhoneNumberFactory.create_batch(3, account=enrolled_account, campaign=campaign)
    answer = send_request(api_client, "POST", "/numbers/enable", {"ids": [numbers[0].pk, numbers[1].pk]})
    assert (answer.status_code, answer.json()["applied"]) == (200, 2)
    said = send_request(api_client, "POST", "/numbers/disable", {"filter": {"capability": "verifying"}}).json()
    assert (said["action"], said["chosen"], said["applied"]) == ("disable", 2, 2)
    assert not PhoneNumber.objects.monitored().exists()


def test_without_an_enrollment_nothing_is_enabled_and_the_reason_is_returned(api_client, account):
    PhoneNumberFactory.create_batch(2, account=account)
    said = send_request(api_client, "POST", "/numbers/enable", {"filter": {}}).json()
    assert (said["to_do"], said["applied"], [one["code"] for one in said["refused"]]) == (0, 0, ["not_enrolled"])
    assert said["sentence"] == "Nothing was changed."


def test_large_bulk_action_is_applied_by_a_worker_with_the_api_key_in_the_audit_trail(
    api_client, enrolled_account, api_key, monkeypatch
):
    monkeypatch.setattr(actions, "MAX_SYNCHRONOUS", 2)
    PhoneNumberFactory.create_batch(5, account=enrolled_account, campaign=CampaignFactory(account=enrolled_account))
    answer = send_request(api_client, "POST", "/numbers/enable", {"filter": {}}, idempotency_key="one")
    said = answer.json()
    assert (answer.status_code, said["state"], said["to_do"], said["applied"]) == (202, "applying", 5, 0)
    apply_bulk_action(said["id"])
    said = get_json(api_client, f"/bulk-actions/{said['id']}")
    assert (said["state"], said["applied"], said["sentence"]) == ("done", 5, "Enabled 5 numbers.")
    events = AuditEvent.objects.filter(code="capability.verifying")
    assert set(events.values_list("via", "api_key")) == {("api", api_key.pk)}


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": [1], "filter": {}}, {"filter": {"status": "x"}}, {"ids": ["1"]}]
)
def test_request_without_a_valid_selection_is_refused(api_client, account, body):
    PhoneNumberFactory(account=account)
    assert send_request(api_client, "POST", "/numbers/disable", body).status_code == 422
    assert not BulkAction.objects.exists()


def test_the_portal_shows_a_bulk_action_of_a_key_with_its_name(api_client, enrolled_account, as_viewer):
    PhoneNumberFactory(account=enrolled_account, campaign=CampaignFactory(account=enrolled_account))
    pk = send_request(api_client, "POST", "/numbers/enable", {"filter": {}}).json()["id"]
    assert "the API key Dialer" in get_html(as_viewer.get(reverse("bulk-action", args=[pk])))


@pytest.mark.parametrize("action", ["enable", "disable"])
def test_query_count_is_the_same_for_5_and_500_numbers(api_client, enrolled_account, settings, action):
    settings.API_RATE_LIMIT = 0
    campaign = CampaignFactory(account=enrolled_account)
    capability = {"enable": "off", "disable": "on"}[action]

    def queries(many):
        ids = [one.pk for one in PhoneNumberFactory.create_batch(many, account=enrolled_account, campaign=campaign,
                                                                 capability=capability)]  # fmt: skip
        with CaptureQueriesContext(connection) as captured:
            assert send_request(api_client, "POST", f"/numbers/{action}", {"ids": ids}).json()["applied"] == many
        return len(captured)

    queries(5)
    assert queries(5) == queries(500)
