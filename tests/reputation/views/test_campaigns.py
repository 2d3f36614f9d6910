"""Outbound Dialer > Campaigns: the list, a campaign's page and settings, and its numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from reputation import campaigns
from reputation.models import Campaign, PhoneNumber
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.reputation.views.campaign_pages import audit_events, create_tag, post_change, settings_data
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


def test_list_counts_numbers_and_tagged_numbers_of_each_campaign(as_viewer, account, campaign, now):
    for number in MonitoredNumberFactory.create_batch(3, account=account, campaign=campaign):
        create_tag(number, now=now)
    MonitoredNumberFactory.create_batch(2, account=account, campaign=campaign)
    PhoneNumberFactory(account=account, campaign=campaign, removed_at=now)
    [row] = as_viewer.get(reverse("campaigns")).context["rows"]
    assert (row.number_count, row.tagged_count) == (5, 3)


def test_row_12_list_shows_an_alert_for_a_tagged_default_caller_id(as_viewer, account, campaign, now):
    number = MonitoredNumberFactory(account=account)
    create_tag(number, now=now)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)
    page = get_html(as_viewer.get(reverse("campaigns")))
    assert f'data-spam-alert="{number.pk}"' in page
    assert "The default is not skipped: it is still used." in page


def test_a_campaign_says_that_no_number_is_tagged_only_if_all_are_known(as_viewer, account, campaign, now):
    clean = {"spam_status": PhoneNumber.SpamStatus.CLEAN, "checked_at": now, "fresh_until": now + timedelta(days=1)}
    MonitoredNumberFactory.create_batch(2, account=account, campaign=campaign, **clean)
    address = reverse("campaign", args=[campaign.pk])
    assert "None of its 2 numbers is tagged." in get_html(as_viewer.get(address))
    MonitoredNumberFactory(account=account, campaign=campaign)
    PhoneNumberFactory(account=account, campaign=campaign)
    page = get_html(as_viewer.get(address))
    assert "None of its" not in page
    assert "No tag is known on its 4 numbers:" in page
    assert 'status=unknown#numbers">1 not yet known</a>' in page
    assert 'status=not_monitored#numbers">1 not monitored</a>' in page


def test_empty_list_links_to_the_form(as_admin):
    page = get_html(as_admin.get(reverse("campaigns")))
    assert "No campaigns yet" in page
    assert reverse("campaign-add") in page


def test_viewer_sees_no_link_to_add_a_campaign(as_viewer):
    assert reverse("campaign-add") not in get_html(as_viewer.get(reverse("campaigns")))


def test_another_accounts_campaigns_are_not_listed(as_admin):
    CampaignFactory(name="Somebody else's")
    assert "Somebody else" not in get_html(as_admin.get(reverse("campaigns")))


def test_a_campaign_is_added_and_its_page_opens(as_admin, account):
    answer = as_admin.post(
        reverse("campaign-add"), {"name": " Spring renewals ", "automatic_matching": "on"}, follow=True
    )
    campaign = Campaign.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("campaign", args=[campaign.pk])
    assert (campaign.account, campaign.name, campaign.is_paused) == (account, "Spring renewals", False)
    assert campaign.automatic_matching
    assert audit_events(campaign) == [("campaign.added", "", "Spring renewals")]


def test_existing_name_is_refused_at_the_field_and_stays_in_it(as_admin, campaign):
    answer = as_admin.post(reverse("campaign-add"), {"name": "SPRING renewals"})
    assert "already a campaign called SPRING renewals" in answer.context["form"].errors["name"][0]
    assert 'value="SPRING renewals"' in get_html(answer)
    assert Campaign.objects.count() == 1


def test_another_account_may_use_the_same_name(as_admin):
    CampaignFactory(name="Spring renewals")
    as_admin.post(reverse("campaign-add"), {"name": "Spring renewals"})
    assert Campaign.objects.filter(name="Spring renewals").count() == 2


def test_a_campaign_needs_a_name(as_admin):
    answer = as_admin.post(reverse("campaign-add"), {"name": "  "})
    assert "Give the campaign a name" in get_html(answer)
    assert not Campaign.objects.exists()


def test_a_campaign_is_renamed(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, name="Summer renewals"))
    campaign.refresh_from_db()
    assert campaign.name == "Summer renewals"
    assert audit_events(campaign) == [("campaign.name", "Spring renewals", "Summer renewals")]


def test_case_of_the_own_name_can_be_changed(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, name="SPRING renewals"))
    campaign.refresh_from_db()
    assert campaign.name == "SPRING renewals"


def test_renaming_to_an_existing_name_is_refused_at_the_field(as_admin, account, campaign):
    CampaignFactory(account=account, name="Winter")
    answer = post_change(as_admin, campaign, **settings_data(campaign, name="winter"))
    assert "already a campaign called winter" in answer.context["form"].errors["name"][0]
    assert 'value="winter"' in get_html(answer)
    assert audit_events(campaign) == []


def test_stale_page_with_a_changed_name_changes_nothing(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, name="Summer")
    campaigns.rename(campaign, name="Autumn", expected_name="Spring renewals", context=Context(actor, now))
    answer = post_change(as_admin, campaign, **old_page)
    campaign.refresh_from_db()
    assert campaign.name == "Autumn"
    assert "renamed it to Autumn meanwhile" in messages_in(answer)


def test_stale_page_changes_only_edited_fields(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, automatic_matching=None)
    campaigns.rename(campaign, name="Autumn", expected_name="Spring renewals", context=Context(actor, now))
    post_change(as_admin, campaign, **old_page)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.automatic_matching) == ("Autumn", False)


def test_saving_without_a_change_shows_a_message_and_writes_no_event(as_admin, campaign):
    assert "nothing was changed" in messages_in(post_change(as_admin, campaign, **settings_data(campaign)))
    assert audit_events(campaign) == []


def test_a_campaign_is_paused_and_resumed(as_admin, campaign):
    post_change(as_admin, campaign, change="pause")
    campaign.refresh_from_db()
    assert campaign.is_paused
    post_change(as_admin, campaign, change="resume")
    campaign.refresh_from_db()
    assert not campaign.is_paused
    assert [code for code, *_ in audit_events(campaign)] == ["campaign.paused", "campaign.resumed"]


def test_second_pause_changes_nothing_and_shows_a_message(as_admin, campaign):
    post_change(as_admin, campaign, change="pause")
    assert "It was paused." in messages_in(post_change(as_admin, campaign, change="pause"))
    assert len(audit_events(campaign)) == 1


def test_automatic_matching_is_switched_off_and_on(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, automatic_matching=None))
    campaign.refresh_from_db()
    assert not campaign.automatic_matching
    post_change(as_admin, campaign, **settings_data(campaign, automatic_matching="on"))
    campaign.refresh_from_db()
    assert campaign.automatic_matching
    assert [code for code, *_ in audit_events(campaign)] == ["campaign.matching_off", "campaign.matching_on"]


def test_the_page_explains_what_automatic_matching_does(as_admin, campaign):
    page = get_html(as_admin.get(reverse("campaign", args=[campaign.pk])))
    assert "tagged numbers are skipped until their tag is gone" in page
    assert "Off: every call shows the default caller ID." in page


def test_page_without_matching_and_default_says_that_calls_have_no_caller_id(as_admin, campaign):
    Campaign.objects.filter(pk=campaign.pk).update(automatic_matching=False)
    assert "Calls have no caller ID to show." in get_html(as_admin.get(reverse("campaign", args=[campaign.pk])))


def test_viewer_can_read_but_not_change_the_settings(as_viewer, campaign):
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "Automatic caller ID matching" in page
    assert reverse("campaign-change", args=[campaign.pk]) not in page
    assert post_change(as_viewer, campaign, change="pause").status_code == 403
    assert as_viewer.get(reverse("campaign-default", args=[campaign.pk])).status_code == 403
    assert as_viewer.get(reverse("campaign-assign", args=[campaign.pk])).status_code == 403
    campaign.refresh_from_db()
    assert not campaign.is_paused


def test_page_explains_automatic_matching_to_viewers(as_viewer, campaign):
    page = reverse("campaign", args=[campaign.pk])
    assert "On: a call shows a number that is local to the called person, and tagged numbers are skipped.</dd>" in (
        get_html(as_viewer.get(page))
    )
    Campaign.objects.update(automatic_matching=False)
    assert "<dd>Off: every call shows the default caller ID.</dd>" in get_html(as_viewer.get(page))


def test_unknown_change_is_not_found(as_admin, campaign):
    assert post_change(as_admin, campaign, change="explode").status_code == 404


def test_another_accounts_campaign_is_not_found(as_admin):
    foreign = CampaignFactory()
    for name in ("campaign", "campaign-default", "campaign-assign"):
        assert as_admin.get(reverse(name, args=[foreign.pk])).status_code == 404
    assert post_change(as_admin, foreign, change="pause").status_code == 404


def test_row_12_campaign_page_counts_its_tagged_numbers_and_links_to_them(as_viewer, account, campaign, now):
    for number in MonitoredNumberFactory.create_batch(2, account=account, campaign=campaign):
        create_tag(number, now=now)
    MonitoredNumberFactory.create_batch(3, account=account, campaign=campaign)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "2 of 5 numbers are tagged" in page
    assert 'href="?status=in_remediation#numbers">2 in remediation</a>' in page


def test_page_lists_only_numbers_of_the_campaign(as_viewer, account, campaign):
    inside = PhoneNumberFactory(account=account, campaign=campaign)
    PhoneNumberFactory(account=account)
    table = as_viewer.get(reverse("campaign", args=[campaign.pk])).context["table"]
    assert [row.number for row in table.rows] == [inside]


def test_assign_page_lists_numbers_that_are_not_in_the_campaign(as_admin, account, campaign):
    PhoneNumberFactory(account=account, campaign=campaign)
    free = PhoneNumberFactory(account=account)
    elsewhere = PhoneNumberFactory(account=account, campaign=CampaignFactory(account=account))
    table = as_admin.get(reverse("campaign-assign", args=[campaign.pk])).context["table"]
    assert {row.number for row in table.rows} == {free, elsewhere}


def test_assign_page_says_when_all_numbers_are_in_the_campaign(as_admin, account, campaign):
    PhoneNumberFactory(account=account, campaign=campaign)
    assert "No numbers left to add" in get_html(as_admin.get(reverse("campaign-assign", args=[campaign.pk])))


def count_queries(client, url) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_query_count_of_the_list_is_the_same_for_5_and_500_campaigns(as_admin, account, now):
    def more(count):
        for _ in range(count):
            number = MonitoredNumberFactory(account=account)
            CampaignFactory(account=account, default_number=number)
        create_tag(number, now=now)

    more(5)
    url = reverse("campaigns")
    count_queries(as_admin, url)
    few = count_queries(as_admin, url)
    more(495)
    assert count_queries(as_admin, url) == few


@pytest.mark.parametrize("page", ["campaign", "campaign-assign", "campaign-default"])
def test_query_count_of_campaign_pages_is_the_same_for_5_and_500_numbers(as_admin, account, now, page):
    campaign = CampaignFactory(account=account)
    outside = CampaignFactory(account=account) if page == "campaign-assign" else campaign

    def more(count):
        numbers = MonitoredNumberFactory.create_batch(count, account=account, campaign=outside)
        create_tag(numbers[0], now=now)
        MonitoredNumberFactory(account=account, campaign=outside, capability=PhoneNumber.Capability.VERIFYING)

    more(5)
    Campaign.objects.filter(pk=campaign.pk).update(default_number=PhoneNumber.objects.tagged().first())
    url = reverse(page, args=[campaign.pk])
    count_queries(as_admin, url)
    few = count_queries(as_admin, url)
    more(495)
    assert count_queries(as_admin, url) == few
