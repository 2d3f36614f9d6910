"""Running campaigns without a usable caller ID."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse

from portal.models import today_of
from reputation.matching import without_caller_id
from reputation.matching.without_caller_id import get_campaigns_without_caller_id
from reputation.models import PhoneNumber
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


def find(campaign, now) -> list[str]:
    found = get_campaigns_without_caller_id(campaign.account_id, today_of(campaign.account, now), limit=5)
    return [campaign.reason for campaign in found]


@pytest.fixture
def campaign(account):
    return CampaignFactory(account=account, name="Spring renewals")


@pytest.mark.parametrize("status", PhoneNumber.TAGGED)
def test_all_numbers_are_tagged_and_there_is_no_default(account, campaign, now, status):
    MonitoredNumberFactory(account=account, campaign=campaign, spam_status=status)
    assert find(campaign, now) == ["It has no default caller ID, and all its numbers are tagged."]


def test_all_numbers_are_at_their_limit_until_the_next_day(account, campaign, now):
    today = today_of(account, now)
    campaign.daily_limit, campaign.limits_reset_on = 5, today
    campaign.save()
    PhoneNumberFactory(account=account, campaign=campaign, exhausted_on=today)
    assert find(campaign, now) == ["It has no default caller ID, and all its numbers are at their daily limit."]
    MonitoredNumberFactory(account=account, campaign=campaign, spam_status=Status.TAGGED)
    assert find(campaign, now) == [
        "It has no default caller ID, and all its numbers are tagged or at their daily limit."
    ]
    assert find(campaign, now + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([Status.LAST_SEEN], "labelled when last seen"),
        ([Status.TAGGED, Status.LAST_SEEN], "tagged or labelled when last seen"),
    ],
)
def test_all_numbers_were_labelled_when_last_seen(account, campaign, now, statuses, state):
    for status in statuses:
        PhoneNumberFactory(account=account, campaign=campaign, spam_status=status)
    assert find(campaign, now) == [f"It has no default caller ID, and all its numbers are {state}."]


def test_one_usable_number_is_enough(account, campaign, now):
    MonitoredNumberFactory(account=account, campaign=campaign, spam_status=Status.TAGGED)
    PhoneNumberFactory(account=account, campaign=campaign)
    assert find(campaign, now) == []


def test_without_matching_only_the_default_counts(account, campaign, now):
    campaign.automatic_matching = False
    campaign.save()
    PhoneNumberFactory(account=account, campaign=campaign)
    assert find(campaign, now) == ["It has no default caller ID, and automatic matching is off."]


def test_a_default_is_usable_tagged_or_not_until_it_is_removed(account, campaign, now):
    default = MonitoredNumberFactory(account=account, spam_status=Status.TAGGED)
    campaign.default_number = default
    campaign.save()
    assert find(campaign, now) == []
    PhoneNumber.objects.filter(pk=default.pk).update(removed_at=now)
    assert find(campaign, now) == ["It has no default caller ID and no numbers."]


def test_a_paused_campaign_needs_no_caller_id(campaign, now):
    campaign.is_paused = True
    campaign.save()
    assert find(campaign, now) == []


def test_the_overview_names_the_campaign_and_the_reason(as_viewer, account, campaign, now):
    MonitoredNumberFactory(account=account, campaign=campaign, spam_status=Status.TAGGED)
    CampaignFactory(name="Of another account")
    page = get_html(as_viewer.get(reverse("overview")))
    assert "Spring renewals has no usable caller ID." in page
    assert "all its numbers are tagged" in page
    assert "Of another account" not in page


def test_it_uses_the_partial_indexes(account, campaign, now):
    """Without them, each page would read all numbers of a campaign whose numbers are all tagged."""
    day = today_of(account, now)
    statuses = (Status.TAGGED, Status.LAST_SEEN, Status.CLEAN, Status.UNKNOWN)
    campaigns = [campaign, *CampaignFactory.create_batch(19, account=account)]
    PhoneNumber.objects.bulk_create(
        MonitoredNumberFactory.build(account=account, campaign=each, spam_status=statuses[place % len(statuses)])
        for place in range(50)
        for each in campaigns
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # PostgreSQL chooses by its statistics, which are those of the tests before.
            cursor.execute(f"ANALYZE {PhoneNumber._meta.db_table}")
            cursor.execute("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + without_caller_id._SQL, [account.pk, day, day, day, day, 5])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "number_to_show" in plan
    assert "number_skipped_tagged" in plan
    assert "number_skipped_last_seen" in plan
    assert "number_skipped_exhausted" in plan
