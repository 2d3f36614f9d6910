"""*Labelled when last seen* on pages and in the API: what *Disable* says beforehand, *Use it again*, the notices."""

import json
import re

import pytest
from django.urls import reverse

from portal.audit import Context
from portal.models import AuditEvent, Member, WebhookMessage
from reputation.bulk_actions import actions
from reputation.models import BulkAction, Case, PhoneNumber
from reputation.monitoring import capability
from reputation.notifications.digests import enqueue_digests
from reputation.numbers import spam_status
from reputation.service_clock import days
from tests.factories import (
    CampaignFactory,
    CaseFactory,
    EngineFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TagFactory,
    WebhookEndpointFactory,
)
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


@pytest.fixture
def tagged(account, now):
    campaign = CampaignFactory(account=account, name="Renewals")
    number = MonitoredNumberFactory(account=account, e164="+12065550143", campaign=campaign)
    TagFactory(account=account, number=number, engine=EngineFactory(slug="hiya", name="Hiya"))
    spam_status.recompute([number.pk], now=now)
    return number


@pytest.fixture
def last_seen(tagged, actor, now):
    capability.disable([tagged.pk], context=Context(actor, now))
    tagged.refresh_from_db()
    return tagged


def open_window(client, action, *numbers) -> str:
    data = {"action": action, "number": [number.pk for number in numbers]}
    return client.post(reverse("bulk-action-open"), data)["Location"]


# Disable --------------------------------------------------------------------------------------------------------------


def test_the_window_says_how_many_numbers_stay_skipped_and_which_campaigns_are_left_without_a_caller_id(
    as_admin, account, tagged
):
    other = MonitoredNumberFactory(account=account)
    page = get_html(as_admin.get(open_window(as_admin, "disable", tagged, other)))
    assert "1 of these numbers carries a spam label." in page
    assert "Left without a caller ID: Renewals." in page


def test_a_campaign_with_another_number_or_a_default_is_not_left_without_a_caller_id(as_admin, account, tagged):
    location = open_window(as_admin, "disable", tagged)
    other = PhoneNumberFactory(account=account, campaign=tagged.campaign)
    assert "Left without" not in get_html(as_admin.get(location))
    other.delete()
    tagged.campaign.default_number = tagged
    tagged.campaign.save()
    assert "Left without" not in get_html(as_admin.get(location))


def test_the_window_says_nothing_of_labels_if_there_are_none(as_admin, account):
    page = get_html(as_admin.get(open_window(as_admin, "disable", MonitoredNumberFactory(account=account))))
    assert "carries a spam label" not in page


# Use it again ---------------------------------------------------------------------------------------------------------


def test_the_window_does_not_say_that_numbers_without_a_label_carried_one(as_admin, account):
    page = get_html(as_admin.get(open_window(as_admin, "release", PhoneNumberFactory(account=account))))
    assert "Nothing can be done for these numbers." in page
    assert "These numbers carried a spam label" not in page


def test_a_number_is_used_again_with_a_reason_after_the_window(as_admin, admin, account, last_seen):
    assert "Use it again" in get_html(as_admin.get(reverse("number", args=[last_seen.pk])))
    unlabelled = PhoneNumberFactory(account=account)
    location = open_window(as_admin, "release", last_seen, unlabelled)
    page = get_html(as_admin.get(location))
    assert "Use 1 number again" in page
    assert "Was not labelled when last seen" in page
    refused = as_admin.post(f"{location}confirm/", {"reason": "  "})
    assert refused.status_code == 422
    assert "Say why" in get_html(refused)
    last_seen.refresh_from_db()
    assert last_seen.spam_status == Status.LAST_SEEN
    as_admin.post(f"{location}confirm/", {"reason": "The carrier removed it."})
    last_seen.refresh_from_db()
    assert last_seen.spam_status == Status.NOT_MONITORED
    event = AuditEvent.objects.get(code="number.released")
    assert (event.actor, event.reason) == (admin.user, "The carrier removed it.")
    assert "The carrier removed it." in get_html(as_admin.get(reverse("number", args=[last_seen.pk])))
    result = get_html(as_admin.get(location))
    assert "Released 1 number.</strong> Matching may show it again. Nobody watches it until monitoring" in result


def test_a_viewer_cannot_release(as_viewer, last_seen):
    assert "Use it again" not in get_html(as_viewer.get(reverse("number", args=[last_seen.pk])))
    assert as_viewer.post(reverse("bulk-action-open"), {"action": "release"}).status_code == 403


def test_the_api_releases_with_a_reason(api_client, api_client_for, account, last_seen):
    WebhookEndpointFactory(account=account)
    url, body = "/api/v1/numbers/release", {"ids": [last_seen.pk]}
    assert api_client.post(url, body, content_type="application/json").status_code == 422
    body["reason"] = "The carrier removed it."
    assert api_client_for(account, "read").post(url, body, content_type="application/json").status_code == 403
    answer = api_client.post(url, body, content_type="application/json")
    assert (answer.status_code, answer.json()["applied"]) == (200, 1)
    last_seen.refresh_from_db()
    assert last_seen.spam_status == Status.NOT_MONITORED
    message = WebhookMessage.objects.get(type="number.released")
    assert json.loads(message.payload)["data"]["reason"] == "The carrier removed it."


def test_the_api_tells_beforehand_what_disable_hides(api_client, tagged):
    body = {"ids": [tagged.pk], "dry_run": True}
    answer = api_client.post("/api/v1/numbers/disable", body, content_type="application/json").json()
    campaign = {"id": tagged.campaign_id, "name": "Renewals"}
    assert answer["hidden_labels"] == {"count": 1, "campaigns_without_caller_id": [campaign]}


def test_many_numbers_are_released_by_filter(account, actor, now, last_seen):
    bulk_action = actions.create_bulk_action(
        account=account,
        context=Context(actor, now),
        action=BulkAction.Action.RELEASE,
        numbers=PhoneNumber.objects.for_account(account).with_spam_status(Status.LAST_SEEN, now),
        reason="All were ported.",
        apply_immediately=True,
    )
    assert bulk_action.applied_count == 1


# Status, filter, count and notices ------------------------------------------------------------------------------------


def test_it_has_a_filter_and_a_count_of_its_own_and_is_not_tagged(as_viewer, account, last_seen, tagged):
    table = as_viewer.get(reverse("number-reputation"), {"status": "last_seen"}).context["table"]
    assert [row.number for row in table.rows] == [last_seen]
    assert {tally.value: tally.count for tally in table.status_counts if tally.count} == {"last_seen": 1}
    page = get_html(as_viewer.get(reverse("number-reputation")))
    assert "Labelled when last seen" in page
    assert "no longer monitored" in page
    assert as_viewer.get(reverse("overview")).context["needs_you"] == 0


def test_the_number_page_says_who_saw_the_label(as_viewer, last_seen):
    page = get_html(as_viewer.get(reverse("number", args=[last_seen.pk])))
    assert "was labelled as spam by Hiya when last seen" in page


def test_the_api_shows_the_label_that_was_last_seen(api_client, last_seen):
    shown = api_client.get(f"/api/v1/numbers/{last_seen.pk}/reputation").json()
    assert (shown["spam_status"], shown["is_tagged"], shown["remediation"]) == ("last_seen", False, None)
    assert [label["engine"]["name"] for label in shown["last_seen"]] == ["Hiya"]
    listed = api_client.get("/api/v1/numbers?status=last_seen").json()["items"]
    assert [item["id"] for item in listed] == [last_seen.pk]


def test_after_30_days_the_overview_asks_what_to_do(as_viewer, last_seen, now):
    assert "Decide about the number" not in get_html(as_viewer.get(reverse("overview")))
    PhoneNumber.objects.update(decision_due_at=now)
    page = get_html(as_viewer.get(reverse("overview")))
    assert "1 number was labelled when last seen" in page
    assert f'href="{reverse("number-reputation")}?status=last_seen">Decide about the number</a>' in page


def test_after_30_days_the_digest_asks_once(last_seen, now):
    Member.objects.update(digest=Member.Digest.AT_ONCE, digest_sent_at=now)
    assert enqueue_digests(now=now + days(29)) == 0
    assert enqueue_digests(now=now + days(31)) == 1
    assert enqueue_digests(now=now + days(32)) == 0
    (message,) = send_mails(now + days(32))
    assert message.subject.endswith(": 1 number awaiting your decision")
    assert "?status=last_seen" in message.body


# Tagged has one meaning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", PhoneNumber.TAGGED)
def test_tagged_means_the_same_in_badge_card_filter_alert_and_api(as_viewer, api_client, account, status):
    number = MonitoredNumberFactory(account=account, spam_status=status)
    for query in ("tagged", "labelled"):
        table = as_viewer.get(reverse("number-reputation"), {"status": query}).context["table"]
        assert [row.number for row in table.rows] == [number]
        assert [item["id"] for item in api_client.get(f"/api/v1/numbers?status={query}").json()["items"]] == [number.pk]
    assert (table.rows[0].status_label.word, table.scope_total) == ("Tagged", 1)
    assert {tally.value: tally.count for tally in table.status_counts}["tagged"] == 1
    assert as_viewer.get(reverse("overview")).context["needs_you"] == 1
    shown = api_client.get(f"/api/v1/numbers/{number.pk}").json()
    assert (shown["spam_status"], shown["is_tagged"]) == ("tagged", True)
    assert shown["remediation"] in ("starting", "starting_again", "in_remediation", "failed")
    assert table.rows[0].remediation_label.word in get_html(as_viewer.get(reverse("number", args=[number.pk])))


# A failed case and a cleared one --------------------------------------------------------------------------------------


@pytest.fixture
def failed_case(account, tagged, now):
    """The failed case of the active tag. A later case of another engine's tag was cleared."""
    failed = CaseFactory(
        account=account, number=tagged, state=Case.State.FAILED, opened_at=now - days(9), closed_at=now
    )
    tagged.tags.update(case=failed)
    CaseFactory(account=account, number=tagged, state=Case.State.CLEARED, opened_at=now - days(1), closed_at=now)
    spam_status.recompute([tagged.pk], now=now)
    return failed


def pages_with_alert(client, number) -> dict[str, str]:
    names = ("overview", "number-reputation", "phone-numbers")
    urls = [*map(reverse, names), reverse("number", args=[number.pk]), reverse("campaign", args=[number.campaign_id])]
    return {url: get_html(client.get(url)) for url in urls}


def test_open_a_support_ticket_leads_to_the_failed_case_everywhere(as_admin, tagged, failed_case):
    for url, page in pages_with_alert(as_admin, tagged).items():
        links = re.findall(r'href="([^"]*)"[^<>]*>Open a support ticket', page)
        assert set(links) == {reverse("case", args=[failed_case.pk])}, url


def test_once_a_ticket_is_recorded_every_alert_says_so(as_admin, tagged, failed_case):
    as_admin.post(reverse("case-ticket", args=[failed_case.pk]), {"ticket_reference": "48213"})
    for url, page in pages_with_alert(as_admin, tagged).items():
        assert "48213" in page, url
        assert "Open a support ticket" not in page, url
