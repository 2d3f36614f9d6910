"""Operations on numbers, in the key's account; the audit trail names the key."""

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.models import PhoneNumber
from reputation.numbers import spam_status
from tests.factories import (
    CampaignFactory,
    EngineFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
)
from tests.reputation.api.helpers import API_ROOT, get_json, send_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def test_number_is_added_and_the_audit_trail_names_the_key(api_client, account, api_key, as_viewer):
    campaign = CampaignFactory(account=account)
    body = {"number": "(206) 555-0143", "label": "Seattle 4", "source": "byoc", "campaign_id": campaign.pk}
    answer = send_request(api_client, "POST", "/numbers", body)
    assert answer.status_code == 201
    number = PhoneNumber.objects.get()
    assert (number.account, number.e164, number.label, number.source, number.campaign) == (
        account,
        "+12065550143",
        "Seattle 4",
        "byoc",
        campaign,
    )
    said = answer.json()
    assert (said["number"], said["label"], said["campaign"]) == (
        "+12065550143",
        "Seattle 4",
        {"id": campaign.pk, "name": campaign.name},
    )
    assert answer.headers["Location"] == f"{API_ROOT}/numbers/{number.pk}"
    assert api_client.get(answer.headers["Location"]).json() == said
    event = AuditEvent.objects.get(code="number.added")
    assert (event.via, event.api_key, event.actor) == ("api", api_key, None)
    assert "API key Dialer" in get_html(as_viewer.get(reverse("audit-trail"), {"who": "api"}))


def test_change_by_an_api_key_is_not_listed_as_done_by_the_service(api_client, account, as_viewer):
    send_request(api_client, "POST", "/numbers", {"number": "+12065550143"})
    assert (
        "Number added"
        not in get_html(as_viewer.get(reverse("audit-trail"), {"who": "service"})).partition('id="events"')[2]
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+12065550", "not_a_number"),
        ("1-800-FLOWERS", "not_a_number"),
        ("+19005550143", "not_a_number"),
        ("x" * 61, "invalid"),
        ("", "invalid"),
        (12065550143, "invalid"),
    ],
)
def test_invalid_caller_id_is_refused(api_client, number, code):
    answer = send_request(api_client, "POST", "/numbers", {"number": number})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["where"] == "body.number"


def test_existing_number_is_refused_with_its_id(api_client, account):
    there = PhoneNumberFactory(account=account, e164="+12065550143")
    answer = send_request(api_client, "POST", "/numbers", {"number": "+12065550143", "label": "New"})
    assert (answer.status_code, answer.json()["code"], answer.json()["id"]) == (409, "number_exists", there.pk)
    there.refresh_from_db()
    assert there.label == ""


def test_number_of_another_account_can_be_added(api_client, account):
    PhoneNumberFactory(e164="+12065550143")
    assert send_request(api_client, "POST", "/numbers", {"number": "+12065550143"}).status_code == 201


def test_removed_number_is_restored_when_it_is_added_again(api_client, account, now):
    number = PhoneNumberFactory(account=account, e164="+12065550143", label="Kept")
    phone_numbers.remove([number.pk], context=Context.system(now))
    assert send_request(api_client, "GET", f"/numbers/{number.pk}").status_code == 404
    said = send_request(api_client, "POST", "/numbers", {"number": "+12065550143"}).json()
    assert (said["id"], said["label"]) == (number.pk, "Kept")


def test_fields_missing_in_a_change_keep_their_values(api_client, account):
    campaign = CampaignFactory(account=account)
    number = PhoneNumberFactory(account=account, label="Old", source="byoc", campaign=campaign)
    said = send_request(api_client, "PATCH", f"/numbers/{number.pk}", {"label": "New"}).json()
    assert (said["label"], said["source"], said["campaign"]["id"]) == ("New", "byoc", campaign.pk)
    said = send_request(api_client, "PATCH", f"/numbers/{number.pk}", {"campaign_id": None, "source": "native"}).json()
    assert (said["label"], said["source"], said["campaign"]) == ("New", "native", None)
    assert send_request(api_client, "PATCH", f"/numbers/{number.pk}", {}).json() == said


def test_change_with_a_campaign_of_another_account_changes_nothing(api_client, account):
    number = PhoneNumberFactory(account=account, label="Old")
    body = {"label": "New", "campaign_id": CampaignFactory().pk}
    answer = send_request(api_client, "PATCH", f"/numbers/{number.pk}", body)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "body.campaign_id")
    number.refresh_from_db()
    assert (number.label, number.campaign) == ("Old", None)


def test_removed_number_is_not_listed(api_client, account):
    number = MonitoredNumberFactory(account=account)
    answer = send_request(api_client, "DELETE", f"/numbers/{number.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert get_json(api_client, "/numbers")["items"] == []
    assert send_request(api_client, "DELETE", f"/numbers/{number.pk}").status_code == 404
    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.OFF


def test_list_has_the_numbers_of_the_account_and_the_filters_of_the_table(api_client, account):
    campaign, engine = CampaignFactory(account=account), EngineFactory()
    tagged = MonitoredNumberFactory(account=account, e164="+12065550100", campaign=campaign)
    TagFactory(number=tagged, engine=engine)
    spam_status.recompute([tagged.pk], now=timezone.now())
    other = PhoneNumberFactory(account=account, e164="+12125550100", label="Boston", source="byoc")
    PhoneNumberFactory()

    def found(**params):
        return [one["id"] for one in get_json(api_client, "/numbers", **params)["items"]]

    assert found() == [tagged.pk, other.pk]
    assert found(q="(206) 555") == found(status="labelled") == found(capability="on") == [tagged.pk]
    assert found(campaign=campaign.pk) == found(engine=engine.pk) == found(source="native") == [tagged.pk]
    assert found(campaign="none") == found(q="bost") == [other.pk]
    assert found(campaign=CampaignFactory().pk) == []


def test_status_is_stale_when_the_last_clean_check_has_expired(api_client, account, now):
    number = MonitoredNumberFactory(account=account, spam_status=PhoneNumber.SpamStatus.CLEAN, fresh_until=now)
    said = get_json(api_client, f"/numbers/{number.pk}")
    assert (said["spam_status"], said["is_tagged"]) == ("stale", False)


def test_times_are_in_utc(api_client, account):
    number = PhoneNumberFactory(account=account, added_at=timezone.datetime.fromisoformat("2026-03-01T08:00:00-05:00"))
    assert get_json(api_client, f"/numbers/{number.pk}")["added_at"] == "2026-03-01T13:00:00Z"
