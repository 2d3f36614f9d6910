"""Operations on campaigns."""

import pytest
from django.db import connection

from portal.models import AuditEvent
from reputation.models import Campaign, PhoneNumber
from tests.factories import (
    CampaignFactory,
    PhoneNumberFactory,
)
from tests.reputation.api.helpers import API_ROOT, send_request

pytestmark = pytest.mark.django_db


def test_campaign_is_added_and_a_change_is_applied_completely_or_not_at_all(api_client, account, api_key):
    said = send_request(api_client, "POST", "/campaigns", {"name": "  Renewals ", "automatic_matching": False}).json()
    assert (said["name"], said["automatic_matching"], said["is_paused"], said["default_number"]) == (
        "Renewals",
        False,
        False,
        None,
    )
    number = PhoneNumberFactory(account=account)
    change = {"name": "Spring", "is_paused": True, "automatic_matching": True, "default_number_id": number.pk}
    said = send_request(api_client, "PATCH", f"/campaigns/{said['id']}", change).json()
    assert (said["name"], said["is_paused"], said["automatic_matching"], said["default_number"]["id"]) == (
        "Spring",
        True,
        True,
        number.pk,
    )
    assert set(AuditEvent.objects.filter(subject_type="campaign").values_list("code", "api_key")) == {
        (f"campaign.{code}", api_key.pk) for code in ("added", "name", "paused", "matching_on", "default")
    }
    refused = send_request(
        api_client, "PATCH", f"/campaigns/{said['id']}", {"name": "X", "default_number_id": PhoneNumberFactory().pk}
    )
    assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "body.default_number_id")
    assert Campaign.objects.get().name == "Spring"
    said = send_request(
        api_client, "PATCH", f"/campaigns/{said['id']}", {"default_number_id": None, "is_paused": False}
    ).json()
    assert (said["default_number"], said["is_paused"]) == (None, False)


def test_number_that_is_no_caller_id_is_refused_as_default(api_client, account):
    campaign, premium = CampaignFactory(account=account), PhoneNumberFactory(account=account, kind="premium")
    answer = send_request(
        api_client, "PATCH", f"/campaigns/{campaign.pk}", {"name": "X", "default_number_id": premium.pk}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    campaign.refresh_from_db()
    assert campaign.name != "X"


def test_campaign_name_must_be_unique_regardless_of_case(api_client, account):
    CampaignFactory(account=account, name="Renewals")
    answer = send_request(api_client, "POST", "/campaigns", {"name": "RENEWALS"})
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # the transaction can still be used after a refused write


def test_daily_limit_of_a_campaign_is_set_and_removed(api_client, account):
    address = f"/campaigns/{CampaignFactory(account=account).pk}"
    seen = api_client.get(f"{API_ROOT}{address}")
    assert seen.json()["daily_limit"] is None
    limited = send_request(api_client, "PATCH", address, {"daily_limit": 100})
    assert limited.json()["daily_limit"] == 100
    assert limited.headers["ETag"] != seen.headers["ETag"]
    assert send_request(api_client, "PATCH", address, {"name": "Other"}).json()["daily_limit"] == 100
    for wrong in (0, -1, 1_000_001):
        assert send_request(api_client, "PATCH", address, {"daily_limit": wrong}).status_code == 422
    assert send_request(api_client, "PATCH", address, {"daily_limit": None}).json()["daily_limit"] is None
    events = AuditEvent.objects.filter(code="campaign.daily_limit").order_by("pk")
    assert list(events.values_list("before", "after")) == [("none", "100"), ("100", "none")]


def test_change_with_an_outdated_etag_is_refused(api_client, account):
    campaign = CampaignFactory(account=account)
    seen = api_client.get(f"{API_ROOT}/campaigns/{campaign.pk}").headers["ETag"]
    assert (
        send_request(api_client, "PATCH", f"/campaigns/{campaign.pk}", {"is_paused": True}, if_match=seen).status_code
        == 200
    )
    answer = send_request(api_client, "PATCH", f"/campaigns/{campaign.pk}", {"name": "X"}, if_match=seen)
    assert (answer.status_code, answer.json()["code"]) == (412, "changed_meanwhile")


def test_numbers_are_assigned_and_unassigned(api_client, account):
    campaign, numbers = CampaignFactory(account=account), PhoneNumberFactory.create_batch(3, account=account)
    ids = [number.pk for number in numbers]
    said = send_request(
        api_client, "POST", f"/campaigns/{campaign.pk}/assign", {"ids": [*ids[:2], PhoneNumberFactory().pk]}
    ).json()
    assert (said["state"], said["chosen"], said["applied"]) == ("done", 2, 2)
    assert list(PhoneNumber.objects.in_campaign(campaign).order_by("pk").values_list("pk", flat=True)) == ids[:2]
    said = send_request(api_client, "POST", f"/campaigns/{campaign.pk}/unassign", {"filter": {}}).json()
    assert said["applied"] == 2
    assert not PhoneNumber.objects.in_campaign(campaign).exists()
