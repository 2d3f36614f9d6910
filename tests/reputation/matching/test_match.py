"""Automatic caller ID matching: which number a call shows, and the result if there is none."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from portal.phone.numbers import InvalidPhoneNumber
from reputation import campaigns, phone_numbers
from reputation.matching import queries
from reputation.matching.match import MatchResult, match
from reputation.matching.queries import CampaignNotFound
from reputation.matching.tiers import Basis
from reputation.models import Campaign, NumberCalls, PhoneNumber
from tests.factories import AccountFactory, CampaignFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

CALLED = "+12063550199"
SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE = "+12063551000", "+12064551000", "+15093551000", "+13053551000"
TAGGED = sorted(PhoneNumber.TAGGED)


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account)


@pytest.fixture
def add_number(account, campaign):
    """Return a function that adds a number to the campaign."""

    def add(e164: str, **fields: object) -> PhoneNumber:
        return PhoneNumberFactory(**{"account": account, "campaign": campaign, "e164": e164} | fields)

    return add


@pytest.fixture
def match_call(campaign, now):
    def ask(called: str = CALLED, **how: object) -> MatchResult:
        how = {"now": now, "campaign_id": campaign.pk} | how
        return match(account_id=campaign.account_id, called_number=called, **how)

    return ask


def set_default(campaign: Campaign, add_number: PhoneNumber) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(default_number=add_number)


def test_the_nearest_number_is_shown(add_number, match_call, campaign):
    set_default(campaign, add_number(ELSEWHERE))
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.reason_code) == (ELSEWHERE, Basis.DEFAULT, "no_local_number")
    for e164, basis in (
        (SAME_STATE, Basis.STATE),
        (SAME_AREA, Basis.AREA_CODE),
        (SAME_EXCHANGE, Basis.EXCHANGE),
    ):
        add_number(e164)
        decision = match_call()
        assert (decision.caller_id, decision.basis, decision.reason_code) == (e164, basis, "")


def test_numbers_of_other_campaigns_and_removed_numbers_are_never_shown(account, add_number, match_call, now):
    add_number(SAME_AREA, campaign=CampaignFactory(account=account))
    removed = add_number(SAME_EXCHANGE)
    phone_numbers.remove([removed.pk], context=Context.system(now))
    assert match_call().caller_id is None


@pytest.mark.parametrize("status", TAGGED)
def test_row_14_tagged_number_is_skipped_until_its_tag_is_cleared(add_number, match_call, status):
    near = add_number(SAME_EXCHANGE, spam_status=status)
    add_number(SAME_AREA)
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.skipped_tagged) == (SAME_AREA, Basis.AREA_CODE, 1)
    PhoneNumber.objects.filter(pk=near.pk).update(spam_status=PhoneNumber.SpamStatus.CLEAN)
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.skipped_tagged) == (SAME_EXCHANGE, Basis.EXCHANGE, 0)


def test_row_14_tagged_default_is_shown_and_marked_as_tagged(add_number, match_call, campaign):
    set_default(campaign, add_number(SAME_AREA, spam_status=PhoneNumber.SpamStatus.TAGGED))
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.is_tagged) == (SAME_AREA, Basis.DEFAULT, True)
    assert (decision.reason_code, decision.skipped_tagged) == ("local_numbers_skipped", 1)


def test_an_unmonitored_number_is_shown_like_a_clean_one(add_number, match_call):
    add_number(SAME_AREA, spam_status=PhoneNumber.SpamStatus.NOT_MONITORED)
    assert match_call().caller_id == SAME_AREA


def test_a_paused_campaign_shows_nothing(add_number, match_call, campaign):
    set_default(campaign, add_number(SAME_AREA))
    Campaign.objects.update(is_paused=True)
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.reason_code) == (None, Basis.NONE, "campaign_paused")


@pytest.mark.parametrize(
    ("called", "reason_code"),
    [
        ("+442079460958", "called_abroad"),
        ("+14165550123", "called_abroad"),
        ("+12423591234", "called_abroad"),
        ("+18002345678", "called_without_area"),
    ],
)
def test_called_number_outside_any_state_gets_the_default(add_number, match_call, campaign, called, reason_code):
    assert (match_call(called).caller_id, match_call(called).reason_code) == (None, reason_code)
    set_default(campaign, add_number(SAME_AREA))
    decision = match_call(called)
    assert (decision.caller_id, decision.basis, decision.reason_code) == (SAME_AREA, Basis.DEFAULT, reason_code)


def test_with_matching_off_every_call_shows_the_default(add_number, match_call, campaign):
    add_number(SAME_EXCHANGE)
    Campaign.objects.update(automatic_matching=False)
    assert (match_call().caller_id, match_call().reason_code) == (None, "matching_off")
    set_default(campaign, add_number(ELSEWHERE))
    assert (match_call().caller_id, match_call().reason_code) == (ELSEWHERE, "matching_off")


def test_default_outside_the_campaign_is_shown_and_marked(account, add_number, match_call, campaign):
    set_default(campaign, add_number(ELSEWHERE, campaign=None))
    assert (match_call().caller_id, match_call().is_outside_campaign) == (ELSEWHERE, True)
    PhoneNumber.objects.update(campaign=campaign)
    assert not match_call().is_outside_campaign


def test_removed_default_is_not_shown(add_number, match_call, campaign):
    set_default(campaign, add_number(ELSEWHERE, removed_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert (match_call().caller_id, match_call().basis) == (None, Basis.NONE)


@pytest.mark.parametrize("called", ["", "911", "555-0143", "(206) 555", "call me", "+1206355019900", "x" * 5000])
def test_invalid_called_number_is_refused(match_call, called):
    with pytest.raises(InvalidPhoneNumber):
        match_call(called)


@pytest.mark.parametrize("called", ["(206) 355-0199", "206.355.0199", "1 206 355 0199", "+1-206-355-0199"])
def test_called_number_is_accepted_in_any_format(add_number, match_call, called):
    add_number(SAME_EXCHANGE)
    assert (match_call(called).called_number, match_call(called).caller_id) == (CALLED, SAME_EXCHANGE)


def test_another_accounts_campaign_is_not_found(match_call):
    foreign = CampaignFactory(account=AccountFactory())
    with pytest.raises(CampaignNotFound):
        match_call(campaign_id=foreign.pk)


def test_numbers_of_the_same_tier_take_turns(add_number, match_call):
    for place in range(7):
        add_number(f"+1206455{1000 + 7 * place}")
    shown = Counter(match_call().caller_id for _ in range(70))
    assert sorted(shown.values()) == [10] * 7


def test_numbers_of_several_area_codes_of_a_state_take_turns(add_number, match_call):
    for code in ("253", "360", "425", "509", "564"):
        add_number(f"+1{code}4551000")
        add_number(f"+1{code}4552000")
    shown = Counter(match_call().caller_id for _ in range(50))
    assert len(shown) == 10
    assert set(shown.values()) == {5}


def test_number_takes_turns_again_after_its_tag_is_cleared(add_number, match_call):
    numbers = [add_number(f"+1206455{1000 + place}") for place in range(3)]
    PhoneNumber.objects.filter(pk=numbers[1].pk).update(spam_status="tagged")
    assert Counter(match_call().caller_id for _ in range(10))[numbers[1].e164] == 0
    PhoneNumber.objects.filter(pk=numbers[1].pk).update(spam_status="clean")
    assert Counter(match_call().caller_id for _ in range(9)) == Counter({n.e164: 3 for n in numbers})


def test_match_without_commit_takes_no_turn_and_counts_no_call(add_number, match_call, campaign):
    Campaign.objects.update(daily_limit=1)
    add_number(SAME_AREA)
    add_number("+12064552000")
    assert len({match_call(commit=False).caller_id for _ in range(5)}) == 1
    assert not NumberCalls.objects.exists()


# Daily limit


def set_daily_limit(campaign: Campaign, calls: int | None, now) -> None:
    campaigns.set_daily_limit(campaign, limit=calls, expected_limit=campaign.daily_limit, context=Context.system(now))


def test_a_number_that_reached_its_daily_limit_is_skipped_until_the_next_day(add_number, match_call, campaign, now):
    set_daily_limit(campaign, 2, now)
    add_number(SAME_AREA)
    set_default(campaign, add_number(ELSEWHERE))
    assert [match_call().caller_id for _ in range(3)] == [SAME_AREA, SAME_AREA, ELSEWHERE]
    decision = match_call()
    assert decision.reason_code == "local_numbers_skipped"
    assert (decision.skipped_exhausted, decision.skipped_tagged) == (1, 0)
    assert NumberCalls.objects.get(number__e164=SAME_AREA).calls == 2
    assert match_call(now=now + timedelta(days=1)).caller_id == SAME_AREA


def test_daily_limit_uses_the_day_of_the_account(add_number, match_call, campaign, account):
    account.time_zone = "Pacific/Guam"
    account.save()
    add_number(SAME_AREA)
    before, after = (datetime(2026, 11, 25, 13, minute, tzinfo=UTC) for minute in (59, 59))
    after += timedelta(minutes=2)  # midnight in Guam is at 14:00 UTC
    set_daily_limit(campaign, 1, before)
    assert match_call(now=before).caller_id == SAME_AREA
    assert match_call(now=before).caller_id is None
    assert match_call(now=after).caller_id == SAME_AREA


def test_default_is_shown_beyond_its_limit_and_marked(add_number, match_call, campaign, now):
    set_daily_limit(campaign, 2, now)
    set_default(campaign, add_number(ELSEWHERE))
    assert [match_call().is_exhausted for _ in range(4)] == [False, False, True, True]


@pytest.mark.parametrize(("to", "shown"), [(5, SAME_AREA), (None, SAME_AREA), (1, None)])
def test_changed_limit_applies_from_the_next_call(add_number, match_call, campaign, now, to, shown):
    set_daily_limit(campaign, 2, now)
    add_number(SAME_AREA)
    assert [match_call().caller_id for _ in range(3)] == [SAME_AREA, SAME_AREA, None]
    campaign.refresh_from_db()
    set_daily_limit(campaign, to, now)
    assert match_call().caller_id == shown


def test_a_number_moved_to_another_campaign_keeps_its_calls_of_the_day(account, add_number, match_call, campaign, now):
    set_daily_limit(campaign, 2, now)
    moved = add_number(SAME_AREA)
    assert [match_call().caller_id for _ in range(3)] == [SAME_AREA, SAME_AREA, None]
    other = CampaignFactory(account=account, daily_limit=2)
    campaigns.assign([moved.pk], campaign=other, context=Context.system(now))
    assert match_call(campaign_id=other.pk).caller_id is None
    for higher in (3, None):
        third = CampaignFactory(account=account, daily_limit=higher)
        campaigns.assign([moved.pk], campaign=third, context=Context.system(now))
        assert match_call(campaign_id=third.pk).caller_id == SAME_AREA


def test_limit_of_a_campaign_does_not_exhaust_its_default_in_another_campaign(
    account, add_number, match_call, campaign, now
):
    set_daily_limit(campaign, 1, now)
    unlimited = CampaignFactory(account=account)
    set_default(campaign, add_number(SAME_AREA, campaign=unlimited))
    assert [match_call().is_exhausted for _ in range(3)] == [False, True, True]
    assert match_call(campaign_id=unlimited.pk).caller_id == SAME_AREA
    Campaign.objects.filter(pk=unlimited.pk).update(daily_limit=4)
    match_call()
    assert match_call(campaign_id=unlimited.pk).caller_id is None, (
        "its own campaign's limit is reached, by calls of both"
    )


# Queries and indexes


@pytest.mark.parametrize("near", [SAME_EXCHANGE, SAME_AREA, SAME_STATE])
def test_query_count_is_the_same_for_5_and_500_numbers(add_number, match_call, near):
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            match_call()
        return len(queries)

    add = iter(range(1000))
    for _ in range(5):
        add_number(f"{near[:8]}{next(add):04}")
    few = cost()
    for _ in range(495):
        add_number(f"{near[:8]}{next(add):04}", spam_status="tagged" if next(add) % 5 == 0 else "clean")
    assert cost() == few <= 4


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL chooses by the size of the table")
@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (queries._next_number_sql(3), "number_to_show"),
        (queries._count_skipped_sql(3), "number_skipped_tagged"),
        (queries._count_skipped_sql(3), "number_skipped_last_seen"),
        (queries._count_skipped_sql(3), "number_skipped_exhausted"),
    ],
)
def test_every_query_uses_its_index(sql, index):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("%s"))
        plan = [row[-1] for row in cursor.fetchall()]
    assert any(index in line for line in plan), plan
    assert not any(line.startswith("SCAN") and "reputation_phonenumber" in line for line in plan), plan
