"""The daily limit of calls per number on the campaign page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.audit import Context
from portal.models import today_of
from reputation import campaigns
from reputation.models import Campaign, PhoneNumber
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.reputation.views.campaign_pages import audit_events, post_change, settings_data
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


def test_daily_limit_is_set_changed_and_removed(as_admin, campaign):
    for typed, limit in (("75", 75), ("100", 100), ("", None)):
        post_change(as_admin, campaign, **settings_data(campaign, daily_limit=typed))
        campaign.refresh_from_db()
        assert campaign.daily_limit == limit
    assert audit_events(campaign) == [
        ("campaign.daily_limit", "none", "75"),
        ("campaign.daily_limit", "75", "100"),
        ("campaign.daily_limit", "100", "none"),
    ]


def test_audit_trail_shows_the_limit(as_admin, campaign):
    post_change(as_admin, campaign, **settings_data(campaign, daily_limit="75"))
    page = get_html(as_admin.get(reverse("audit-trail")))
    assert "Daily limit of calls per number changed" in page
    assert '<td data-label="Before">none</td><td data-label="After">75</td>' in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0", "A limit is at least 1 call a day."),
        ("-5", "A limit is at least 1 call a day."),
        ("many", "Write a whole number, such as 75"),
        ("1.5", "Write a whole number, such as 75"),
        ("99999999999999999999", "A limit is at most 1,000,000 calls a day."),
    ],
)
def test_invalid_limit_is_refused_at_the_field_and_stays_in_it(as_admin, campaign, typed, said):
    answer = post_change(as_admin, campaign, **settings_data(campaign, daily_limit=typed, name="Summer"))
    assert said in answer.context["form"].errors["daily_limit"][0]
    assert f'name="daily_limit" value="{typed}"' in get_html(answer)
    assert audit_events(campaign) == []


def test_stale_page_with_a_changed_limit_saves_nothing(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, daily_limit="75", name="Summer renewals")
    campaigns.set_daily_limit(campaign, limit=50, expected_limit=None, context=Context(actor, now))
    answer = post_change(as_admin, campaign, **old_page)
    assert "The daily limit was changed meanwhile: it is 50 calls. Nothing else was changed." in messages_in(answer)
    campaign.refresh_from_db()
    assert (campaign.daily_limit, campaign.name) == (50, "Spring renewals")


def test_stale_page_with_an_unchanged_limit_keeps_the_current_limit(as_admin, campaign, actor, now):
    old_page = settings_data(campaign, name="Summer renewals")
    campaigns.set_daily_limit(campaign, limit=50, expected_limit=None, context=Context(actor, now))
    post_change(as_admin, campaign, **old_page)
    campaign.refresh_from_db()
    assert (campaign.daily_limit, campaign.name) == (50, "Summer renewals")


def test_a_campaign_is_added_with_a_daily_limit(as_admin):
    as_admin.post(reverse("campaign-add"), {"name": "Spring renewals", "daily_limit": "75"})
    assert Campaign.objects.get().daily_limit == 75


def test_a_viewer_sees_the_limit(as_viewer, campaign):
    page = reverse("campaign", args=[campaign.pk])
    assert "<dt>Daily limit</dt><dd>none</dd>" in get_html(as_viewer.get(page))
    Campaign.objects.update(daily_limit=1_200)
    assert "<dt>Daily limit</dt><dd>1,200 calls per number</dd>" in get_html(as_viewer.get(page))


@pytest.mark.parametrize("page", ["campaign", "number-reputation", "phone-numbers", "number"])
def test_pages_mark_a_number_that_reached_its_limit_today(as_viewer, account, campaign, now, page):
    Campaign.objects.update(daily_limit=5)
    number = PhoneNumberFactory(account=account, campaign=campaign, exhausted_on=today_of(account, now))
    of = {"campaign": [campaign.pk], "number": [number.pk]}.get(page, [])
    said = "Daily limit reached today:"
    assert f"{said} not shown until tomorrow" in get_html(as_viewer.get(reverse(page, args=of)))
    Campaign.objects.update(default_number=number)
    assert f"{said} shown only as the default until tomorrow" in get_html(as_viewer.get(reverse(page, args=of)))
    PhoneNumber.objects.update(exhausted_on=today_of(account, now) - timedelta(days=1))
    assert said not in get_html(as_viewer.get(reverse(page, args=of)))
