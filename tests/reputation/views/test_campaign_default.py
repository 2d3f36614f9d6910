"""The default caller ID on the campaign page: choosing it, and row 14 of the specification's table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.audit import Context
from reputation import campaigns
from reputation.models import Campaign, PhoneNumber
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.reputation.views.campaign_pages import audit_events, create_tag, post_change
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


def test_row_14_page_warns_that_a_tagged_default_caller_id_is_still_used(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account, campaign=campaign)
    case = create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "is labelled as spam by Hiya" in page
    assert "Automatic matching skips tagged numbers, but never the default" in page
    assert "calls will still show it" in page
    assert reverse("case", args=[case.pk]) in page


def test_warning_disappears_when_the_tag_is_cleared(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    PhoneNumber.objects.update(spam_status=Status.CLEAN, fresh_until=now + timedelta(days=1))
    assert "labelled as spam" not in get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))


def test_page_warns_that_every_call_shows_a_tagged_default_with_matching_off(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number, automatic_matching=False)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "automatic matching is off: every call will still show it" in page


def test_alert_of_a_default_at_risk_does_not_speak_of_tagged_numbers(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account, spam_status=Status.AT_RISK)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "is at risk of a spam label" in page
    assert "It is the default caller ID of this campaign." in page
    assert "skips tagged numbers" not in page


def test_search_finds_numbers_of_the_account_by_a_part_of_number_or_label(as_admin, account, campaign):
    PhoneNumberFactory(account=account, e164="+12065550143", label="Front desk")
    PhoneNumberFactory(account=account, e164="+13035550199")
    PhoneNumberFactory(e164="+12065550143", label="Front desk of another account")
    url = reverse("campaign-default", args=[campaign.pk])
    for typed in ("206 555", "(206) 555-01", "front"):
        offered = as_admin.get(url, {"find": typed}).context["offered"]
        assert [row.number.e164 for row in offered] == ["+12065550143"], typed


def test_search_by_htmx_returns_only_the_results(as_admin, account, campaign):
    PhoneNumberFactory(account=account, e164="+12065550143")
    url = reverse("campaign-default", args=[campaign.pk])
    page = get_html(as_admin.get(url, {"find": "206"}, headers={"HX-Request": "true"}))
    assert "(206) 555-0143" in page
    assert "<html" not in page


def test_at_most_10_matching_numbers_are_offered(as_admin, account, campaign):
    PhoneNumberFactory.create_batch(30, account=account)
    answer = as_admin.get(reverse("campaign-default", args=[campaign.pk]), {"find": "206"})
    assert len(answer.context["offered"]) == 10
    assert "the first 10; type more to narrow them down" in get_html(answer)


def test_without_a_search_untagged_numbers_of_the_campaign_are_offered(as_admin, account, campaign, now):
    create_tag(MonitoredNumberFactory(account=account, campaign=campaign), now=now)
    clean = MonitoredNumberFactory(account=account, campaign=campaign)
    PhoneNumberFactory(account=account)
    offered = as_admin.get(reverse("campaign-default", args=[campaign.pk])).context["offered"]
    assert [row.number for row in offered] == [clean]


def test_tagged_number_can_be_chosen_with_a_warning(as_admin, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    answer = as_admin.get(reverse("campaign-default", args=[campaign.pk]), {"find": number.e164})
    assert "Tagged, and it would still be used." in get_html(answer)


def test_default_caller_id_is_chosen_and_removed(as_admin, account, campaign):
    number = PhoneNumberFactory(account=account)
    post_change(as_admin, campaign, change="default", number=number.pk, shown="")
    campaign.refresh_from_db()
    assert campaign.default_number == number
    post_change(as_admin, campaign, change="default", number="", shown=number.pk)
    campaign.refresh_from_db()
    assert campaign.default_number is None
    assert audit_events(campaign) == [("campaign.default", "", number.e164), ("campaign.default", number.e164, "")]


def test_stale_page_does_not_change_the_default(as_admin, account, campaign, actor, now):
    first, second = PhoneNumberFactory.create_batch(2, account=account)
    campaigns.set_default_number(campaign, number_id=first.pk, expected_id=None, context=Context(actor, now))
    answer = post_change(as_admin, campaign, change="default", number=second.pk, shown="")
    campaign.refresh_from_db()
    assert campaign.default_number == first
    assert "changed meanwhile" in messages_in(answer)


@pytest.mark.parametrize("of", ["another account", "the removed"])
def test_foreign_or_removed_number_cannot_be_the_default(as_admin, account, campaign, now, of):
    number = PhoneNumberFactory() if of == "another account" else PhoneNumberFactory(account=account, removed_at=now)
    answer = post_change(as_admin, campaign, change="default", number=number.pk, shown="")
    campaign.refresh_from_db()
    assert campaign.default_number is None
    assert "no longer, one of the account" in messages_in(answer)


def test_a_premium_number_cannot_be_the_default(as_admin, account, campaign):
    number = PhoneNumberFactory(account=account, kind="premium")
    assert "cannot be shown as a caller ID" in messages_in(
        post_change(as_admin, campaign, change="default", number=number.pk)
    )
    offered = as_admin.get(reverse("campaign-default", args=[campaign.pk]), {"find": number.e164}).context["offered"]
    assert offered == []


def test_removed_default_is_shown_as_none(as_viewer, account, campaign, now):
    Campaign.objects.filter(pk=campaign.pk).update(default_number=PhoneNumberFactory(account=account, removed_at=now))
    answer = as_viewer.get(reverse("campaign", args=[campaign.pk]))
    assert answer.context["default"] is None
