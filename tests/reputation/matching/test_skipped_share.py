"""The alert when matching skips many of a campaign's numbers: on pages and in the digest, until the share falls."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.models import Member
from reputation.matching.skipped_share import get_alerts, update_alerts
from reputation.models import Campaign, PhoneNumber
from reputation.notifications import digests
from tests.factories import CampaignFactory, MemberFactory, PhoneNumberFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus
HOUR = timedelta(hours=1)


def fill(campaign: Campaign, **counts: int) -> None:
    for status, count in counts.items():
        PhoneNumberFactory.create_batch(count, account=campaign.account, campaign=campaign, spam_status=status)


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account, name="Spring renewals")


def test_alert_appears_above_30_percent_and_ends_when_the_share_falls(account, campaign):
    fill(campaign, clean=7, tagged=3)
    assert get_alerts(account, limit=5) == []
    fill(campaign, last_seen=1)
    [share] = get_alerts(account, limit=5)
    assert (share.campaign, share.skipped, share.total, share.percent) == (campaign, 4, 11, 36)
    PhoneNumber.objects.filter(spam_status="last_seen").update(spam_status="clean")
    assert get_alerts(account, limit=5) == []


@pytest.mark.parametrize("status", [*PhoneNumber.TAGGED, Status.LAST_SEEN])
def test_every_skipped_status_counts(account, campaign, status):
    fill(campaign, clean=1, **{status: 1})
    assert [share.percent for share in get_alerts(account, limit=5)] == [50]


@pytest.mark.parametrize("status", [Status.AT_RISK, Status.UNKNOWN, Status.CLEAN, Status.NOT_MONITORED])
def test_no_other_status_counts(account, campaign, status):
    fill(campaign, **{status: 2})
    assert get_alerts(account, limit=5) == []


def test_the_limit_is_a_setting(account, campaign, settings):
    fill(campaign, clean=1, tagged=1)
    settings.SKIPPED_ALERT_PERCENT = 50
    assert get_alerts(account, limit=5) == []
    settings.SKIPPED_ALERT_PERCENT = 49
    assert len(get_alerts(account, limit=5)) == 1


@pytest.mark.parametrize("fields", [{"is_paused": True}, {"automatic_matching": False}])
def test_a_campaign_that_skips_nothing_has_no_alert(as_viewer, account, campaign, fields):
    fill(campaign, tagged=1)
    Campaign.objects.update(**fields)
    assert get_alerts(account, limit=5) == []
    for address in (reverse("overview"), reverse("campaigns"), reverse("campaign", args=[campaign.pk])):
        assert "data-skipped-alert" not in get_html(as_viewer.get(address))


def test_removed_numbers_and_other_accounts_do_not_count(account, campaign, now):
    fill(campaign, clean=1, tagged=1)
    PhoneNumber.objects.filter(spam_status="tagged").update(removed_at=now)
    fill(CampaignFactory(), tagged=1)
    assert get_alerts(account, limit=5) == []


def test_overview_list_and_campaign_page_show_it_until_it_ends(as_viewer, campaign):
    fill(campaign, clean=2, tagged=2)
    addresses = (reverse("overview"), reverse("campaigns"), reverse("campaign", args=[campaign.pk]))
    for address in addresses:
        page = get_html(as_viewer.get(address))
        assert f'data-skipped-alert="{campaign.pk}"' in page
        assert "50 %" in page
    page = get_html(as_viewer.get(addresses[-1]))
    assert "2 of 4 numbers of Spring renewals are skipped for their labels (50 %)." in " ".join(page.split())
    PhoneNumber.objects.update(spam_status="clean")
    for address in addresses:
        assert "data-skipped-alert" not in get_html(as_viewer.get(address))


def test_the_percentage_is_rounded_and_is_100_only_without_any_other_number(account, campaign):
    fill(campaign, clean=1, tagged=2)
    assert [share.percent for share in get_alerts(account, limit=5)] == [67]
    fill(campaign, tagged=298)
    assert [share.percent for share in get_alerts(account, limit=5)] == [99]


def test_the_alert_names_no_other_numbers_and_no_default_caller_id_where_there_are_none(as_viewer, account, campaign):
    fill(campaign, tagged=3)
    default = PhoneNumberFactory(account=account)
    for address in (reverse("overview"), reverse("campaign", args=[campaign.pk])):
        Campaign.objects.update(default_number=None)
        page = get_html(as_viewer.get(address))
        assert "3 of 3 numbers" in page
        assert "It has no others." in page
        assert "wears them out" not in page
        assert "Same State, then no caller ID, since it has no default." in page
        Campaign.objects.update(default_number=default)
        assert "choice is: Same State, then the default caller ID." in get_html(as_viewer.get(address))


def test_one_query_finds_the_alerts_of_any_number_of_campaigns(account):
    for count in (1, 9):
        for _ in range(count):
            fill(CampaignFactory(account=account), tagged=2)
        with CaptureQueriesContext(connection) as queries:
            assert get_alerts(account, limit=5)
        assert len(queries) == 1
        assert 'FROM "reputation_phonenumber"' not in queries[0]["sql"]
        with CaptureQueriesContext(connection) as queries:
            update_alerts(account.created_at)
        assert len(queries) == 2


# Digest


@pytest.fixture
def member(account, now) -> Member:
    return MemberFactory(account=account, digest=Member.Digest.AT_ONCE, digest_sent_at=now - 2 * HOUR)


def test_digest_names_the_campaign_once(account, campaign, member, now):
    fill(campaign, clean=2, tagged=2)
    update_alerts(now - HOUR)
    update_alerts(now)  # still the same alert
    assert digests.enqueue_digests(now=now) == 1
    [message] = send_mails(now)
    assert message.subject == f"{account.name}: 1 campaign with many numbers skipped"
    assert "- Spring renewals: 2 of 4 numbers skipped (50 %)" in message.body
    assert reverse("campaign", args=[campaign.pk]) in message.body
    assert digests.enqueue_digests(now=now + HOUR) == 0


def test_an_alert_that_ended_before_the_digest_is_not_in_it_and_a_new_one_is(campaign, member, now):
    fill(campaign, clean=2, tagged=2)
    update_alerts(now - HOUR)
    PhoneNumber.objects.update(spam_status="clean")
    assert digests.enqueue_digests(now=now) == 0
    update_alerts(now)
    fill(campaign, tagged=4)
    update_alerts(now + HOUR)
    assert digests.enqueue_digests(now=now + 2 * HOUR) == 1
