"""Call statistics of campaigns and numbers: the counts, and the pages that show them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.formats import date_format

from portal.models import today_of
from reputation.matching.match import match
from reputation.matching.recorder import flush
from reputation.matching.statistics import (
    CHART_HEIGHT,
    CallCounts,
    format_percentage,
    get_campaign_statistics,
    get_number_statistics,
)
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from tests.factories import CampaignFactory, PhoneNumberFactory, TagFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 25)


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account)


@pytest.fixture
def number(account) -> PhoneNumber:
    return PhoneNumberFactory(account=account)


def create_campaign_calls(
    campaign: Campaign,
    basis: str,
    calls: int,
    *,
    day: date = TODAY,
    skipped_tagged: bool = False,
    default_e164: str = "",
) -> None:
    of = {"account": campaign.account, "campaign": campaign, "default_e164": default_e164}
    CampaignCalls.objects.create(**of, basis=basis, calls=calls, day=day, skipped_tagged=skipped_tagged)


def create_number_calls(number: PhoneNumber, calls: int, *, day: date = TODAY) -> None:
    NumberCalls.objects.create(account=number.account, number=number, day=day, calls=calls)


# Campaigns


def test_calls_are_counted_by_basis_and_skipped_tags(campaign):
    create_campaign_calls(campaign, Basis.EXCHANGE, 1)
    create_campaign_calls(campaign, Basis.AREA_CODE, 10, skipped_tagged=True)
    create_campaign_calls(campaign, Basis.STATE, 100)
    create_campaign_calls(campaign, Basis.DEFAULT, 1_000, skipped_tagged=True)
    create_campaign_calls(campaign, Basis.DEFAULT, 10_000)
    create_campaign_calls(campaign, Basis.NONE, 100_000, skipped_tagged=True)
    create_campaign_calls(campaign, Basis.NONE, 1_000_000)
    today = get_campaign_statistics(campaign, TODAY).today
    assert today == CallCounts(
        local=111, labelled=0, default_for_tags=1_000, default_other=10_000, no_caller_id=1_100_000
    )
    assert (today.total, today.default_total) == (1_111_111, 11_000)


def test_calls_with_a_labelled_local_number_are_counted_apart(as_viewer, account, campaign):
    Campaign.objects.update(when_all_labelled="least_bad")
    number = PhoneNumberFactory(account=account, campaign=campaign, e164="+12064551000", spam_status="tagged")
    TagFactory(number=number)
    now = datetime.now(tz=UTC)
    found = match(account_id=account.pk, campaign_id=campaign.pk, called_number="+12063550199", now=now)
    assert (found.caller_id, found.reason_code) == (number.e164, "least_bad_label")
    flush()
    today = get_campaign_statistics(campaign, today_of(account, now)).today
    assert (today.local, today.labelled, today.total) == (0, 1, 1)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert '<th scope="row">Local, with a label</th><td class="figure num">1<span class="under">100 %</span>' in page


def test_month_is_today_and_the_29_days_before(campaign):
    for before, calls in ((0, 1), (29, 10), (30, 100)):
        create_campaign_calls(campaign, Basis.STATE, calls, day=TODAY - timedelta(days=before))
    create_campaign_calls(campaign, Basis.STATE, 1_000, day=TODAY + timedelta(days=1))
    cost = get_campaign_statistics(campaign, TODAY)
    assert (cost.today.total, cost.month.total) == (1, 11)


def test_calls_of_other_campaigns_are_not_counted(account, campaign):
    create_campaign_calls(CampaignFactory(account=account), Basis.STATE, 5)
    assert get_campaign_statistics(campaign, TODAY).month.total == 0


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (17_611, 18_240, "97 %"),
        (214, 18_240, "1.2 %"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 100_000, "under 0.1 %"),
        (996, 10_000, "10 %"),
        (0, 0, ""),
    ],
)
def test_percentage_is_rounded(part, whole, said):
    assert format_percentage(part, whole) == said


def test_page_shows_matches_by_the_day_of_the_account(as_viewer, account, campaign):
    account.time_zone = "Pacific/Guam"
    account.save()
    PhoneNumberFactory(account=account, campaign=campaign, e164="+12064551000")
    now = datetime.now(tz=UTC)
    for _ in range(3):
        match(account_id=account.pk, campaign_id=campaign.pk, called_number="+12063550199", now=now)
    flush()
    assert CampaignCalls.objects.get().day == today_of(account, now)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert '<th scope="row">In all</th><td class="figure num">3</td><td class="figure num">3</td>' in page
    assert '<th scope="row">Local</th><td class="figure num">3<span class="under">100 %</span></td>' in page


def test_page_without_calls_links_to_the_api(as_viewer, campaign):
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "No call was asked about in the last 30 days." in page
    assert f'<a href="{reverse("api-reference")}">API</a>' in page


def test_the_page_says_when_nothing_is_recorded(as_viewer, campaign, settings):
    settings.RECORD_DECISIONS = 0
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert "RECORD_DECISIONS is 0" in page
    assert "No call was asked about" not in page


def test_the_page_says_when_figures_are_estimates(as_viewer, account, campaign, settings, now):
    create_campaign_calls(campaign, Basis.STATE, 50, day=today_of(account, now))
    page = reverse("campaign", args=[campaign.pk])
    assert "Estimated" not in get_html(as_viewer.get(page))
    settings.RECORD_DECISIONS = 10
    assert "Estimated: one in 10 answers is recorded" in get_html(as_viewer.get(page))


def test_warning_about_a_tagged_default_counts_the_calls_that_showed_it_today(as_viewer, account, campaign, now):
    tagged = PhoneNumberFactory(account=account, spam_status="tagged")
    Campaign.objects.update(default_number=tagged)
    page = reverse("campaign", args=[campaign.pk])
    assert "as the default caller ID today" not in get_html(as_viewer.get(page))
    of = {"day": today_of(account, now), "default_e164": tagged.e164}
    create_campaign_calls(campaign, Basis.DEFAULT, 200, **of, skipped_tagged=True)
    create_campaign_calls(campaign, Basis.DEFAULT, 14, **of)
    expected = f"calls will still show it. 214 calls showed {tagged} as the default caller ID today."
    assert expected in get_html(as_viewer.get(page))


def test_calls_that_showed_a_former_default_are_not_said_of_the_present_one(as_viewer, account, campaign, now):
    former, tagged = PhoneNumberFactory(account=account), PhoneNumberFactory(account=account, spam_status="tagged")
    Campaign.objects.update(default_number=tagged)
    of = {"day": today_of(account, now)}
    create_campaign_calls(campaign, Basis.DEFAULT, 30, **of, default_e164=former.e164)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert f"30 calls showed {former} as the default caller ID today." in page
    create_campaign_calls(campaign, Basis.DEFAULT, 1, **of, default_e164=tagged.e164)
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    assert f"30 calls showed {former} and 1 call showed {tagged} as the default caller ID today." in page


def test_each_number_that_was_shown_by_default_is_listed_with_its_calls(as_viewer, account, campaign, now):
    today, numbers = today_of(account, now), PhoneNumberFactory.create_batch(2, account=account)
    create_campaign_calls(campaign, Basis.DEFAULT, 7, day=today, default_e164=numbers[0].e164)
    create_campaign_calls(campaign, Basis.DEFAULT, 40, day=today - timedelta(days=3), default_e164=numbers[1].e164)
    create_campaign_calls(campaign, Basis.DEFAULT, 2, day=today - timedelta(days=9))
    create_campaign_calls(campaign, Basis.STATE, 500, day=today)
    shown = get_campaign_statistics(campaign, today).defaults
    assert [(default.e164, default.today, default.month) for default in shown] == [
        (numbers[1].e164, 0, 40),
        (numbers[0].e164, 7, 7),
        ("", 0, 2),
    ]
    page = get_html(as_viewer.get(reverse("campaign", args=[campaign.pk])))
    part = page.partition("Shown by default")[2]
    assert part.index(str(numbers[1])) < part.index(str(numbers[0])) < part.index("A number that was not recorded")


# Numbers


def test_calls_of_a_number_are_counted_for_1_7_and_30_days(number):
    for before, calls in ((0, 1), (6, 10), (7, 100), (29, 1_000), (30, 10_000)):
        create_number_calls(number, calls, day=TODAY - timedelta(days=before))
    create_number_calls(PhoneNumberFactory(), 5)
    shown = get_number_statistics(number, TODAY)
    assert (shown.today, shown.week, shown.month) == (1, 11, 1_111)
    assert (len(shown.days), shown.days[0].day, shown.days[-1].day) == (30, date(2026, 10, 27), TODAY)
    assert (shown.busiest_day.day, shown.busiest_day.calls) == (date(2026, 10, 27), 1_000)


def test_bars_are_proportional_to_calls_and_one_call_is_visible(number):
    for before, calls in ((0, 1_000), (1, 500), (2, 1)):
        create_number_calls(number, calls, day=TODAY - timedelta(days=before))
    heights = [one.height for one in get_number_statistics(number, TODAY).days]
    assert heights[-1] == CHART_HEIGHT
    assert heights[-2] == CHART_HEIGHT / 2
    assert 1 < heights[-3] < heights[-2]
    assert heights[-4] < heights[-3]
    assert all(one.top + one.height == CHART_HEIGHT for one in get_number_statistics(number, TODAY).days)


def test_chart_has_a_text_alternative(as_viewer, account, number, now):
    today = today_of(account, now)
    create_number_calls(number, 1_240, day=today - timedelta(days=3))
    create_number_calls(number, 12, day=today)
    page = get_html(as_viewer.get(reverse("number", args=[number.pk])))
    assert f"1,252 in all, the most on {date_format(today - timedelta(days=3), 'j M')} with 1,240." in page
    assert "<dt>Today</dt><dd>12</dd>" in page
    assert page.partition('<svg class="bars"')[2].partition("</svg>")[0].count("<rect") == 30


def test_page_of_a_number_never_shown_says_so(as_viewer, number, settings):
    address = reverse("number", args=[number.pk])
    assert "No call was to show it in the last 30 days." in get_html(as_viewer.get(address))
    settings.RECORD_DECISIONS = 0
    page = get_html(as_viewer.get(address))
    assert "RECORD_DECISIONS is 0" in page
    assert "No call was to show it" not in page


@pytest.mark.parametrize("of", ["campaign", "number"])
def test_statistics_take_one_query_for_any_number_of_days(campaign, number, of):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            get_campaign_statistics(campaign, TODAY) if of == "campaign" else get_number_statistics(number, TODAY)
        return len(queries)

    assert cost() == 1
    for before in range(40):
        create_campaign_calls(campaign, Basis.STATE, 5, day=TODAY - timedelta(days=before))
        create_number_calls(number, 5, day=TODAY - timedelta(days=before))
    assert cost() == 1
