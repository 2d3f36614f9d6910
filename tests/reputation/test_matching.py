"""Automatic caller-ID matching: which number a call shows, and what is answered where none can be."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import SYSTEM
from portal.phone.area_codes import derive, neighbours_of, states
from portal.phone.numbers import NotANumber
from reputation import campaigns, phone_numbers
from reputation.matching import queries
from reputation.matching.match import Decision, match
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
def number(account, campaign):
    """Adds a number to the campaign."""

    def add(e164: str, **fields: object) -> PhoneNumber:
        return PhoneNumberFactory(**{"account": account, "campaign": campaign, "e164": e164} | fields)

    return add


@pytest.fixture
def asked(campaign, now):
    def ask(called: str = CALLED, **how: object) -> Decision:
        how = {"now": now, "campaign_id": campaign.pk} | how
        return match(account_id=campaign.account_id, called=called, **how)

    return ask


def default(campaign: Campaign, number: PhoneNumber) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(default_number=number)


def test_the_nearest_number_is_shown(number, asked, campaign):
    default(campaign, number(ELSEWHERE))
    decision = asked()
    assert (decision.caller_id, decision.basis, decision.because) == (ELSEWHERE, Basis.DEFAULT, "no_local_number")
    for e164, basis in (
        (SAME_STATE, Basis.STATE),
        (SAME_AREA, Basis.AREA_CODE),
        (SAME_EXCHANGE, Basis.EXCHANGE),
    ):
        number(e164)
        decision = asked()
        assert (decision.caller_id, decision.basis, decision.because) == (e164, basis, "")


def test_a_number_of_another_campaign_or_a_removed_one_is_never_shown(account, number, asked, now):
    number(SAME_AREA, campaign=CampaignFactory(account=account))
    removed = number(SAME_EXCHANGE)
    phone_numbers.remove([removed.pk], actor=SYSTEM, now=now)
    assert asked().caller_id is None


@pytest.mark.parametrize("status", TAGGED)
def test_row_14_a_tagged_number_is_skipped_and_eligible_again_once_its_tag_is_gone(number, asked, status):
    near = number(SAME_EXCHANGE, spam_status=status)
    number(SAME_AREA)
    decision = asked()
    assert (decision.caller_id, decision.basis, decision.skipped_tagged) == (SAME_AREA, Basis.AREA_CODE, 1)
    PhoneNumber.objects.filter(pk=near.pk).update(spam_status=PhoneNumber.SpamStatus.CLEAN)
    decision = asked()
    assert (decision.caller_id, decision.basis, decision.skipped_tagged) == (SAME_EXCHANGE, Basis.EXCHANGE, 0)


def test_row_14_a_tagged_default_is_shown_all_the_same_and_the_answer_says_so(number, asked, campaign):
    default(campaign, number(SAME_AREA, spam_status=PhoneNumber.SpamStatus.TAGGED))
    decision = asked()
    assert (decision.caller_id, decision.basis, decision.is_tagged) == (SAME_AREA, Basis.DEFAULT, True)
    assert (decision.because, decision.skipped_tagged) == ("local_numbers_skipped", 1)


def test_an_unmonitored_number_is_shown_like_a_clean_one(number, asked):
    number(SAME_AREA, spam_status=PhoneNumber.SpamStatus.NOT_MONITORED)
    assert asked().caller_id == SAME_AREA


def test_a_paused_campaign_shows_nothing(number, asked, campaign):
    default(campaign, number(SAME_AREA))
    Campaign.objects.update(is_paused=True)
    decision = asked()
    assert (decision.caller_id, decision.basis, decision.because) == (None, Basis.NONE, "campaign_paused")


@pytest.mark.parametrize(
    ("called", "because"),
    [
        ("+442079460958", "called_abroad"),
        ("+14165550123", "called_abroad"),
        ("+12423591234", "called_abroad"),
        ("+18002345678", "called_without_area"),
    ],
)
def test_a_called_number_without_a_place_in_the_states_gets_the_default(number, asked, campaign, called, because):
    assert (asked(called).caller_id, asked(called).because) == (None, because)
    default(campaign, number(SAME_AREA))
    decision = asked(called)
    assert (decision.caller_id, decision.basis, decision.because) == (SAME_AREA, Basis.DEFAULT, because)


def test_with_matching_off_every_call_shows_the_default(number, asked, campaign):
    number(SAME_EXCHANGE)
    Campaign.objects.update(automatic_matching=False)
    assert (asked().caller_id, asked().because) == (None, "matching_off")
    default(campaign, number(ELSEWHERE))
    assert (asked().caller_id, asked().because) == (ELSEWHERE, "matching_off")


def test_a_default_outside_the_campaign_is_shown_and_said_to_be(account, number, asked, campaign):
    default(campaign, number(ELSEWHERE, campaign=None))
    assert (asked().caller_id, asked().is_outside) == (ELSEWHERE, True)
    PhoneNumber.objects.update(campaign=campaign)
    assert not asked().is_outside


def test_a_default_that_was_removed_is_not_shown(number, asked, campaign):
    default(campaign, number(ELSEWHERE, removed_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert (asked().caller_id, asked().basis) == (None, Basis.NONE)


@pytest.mark.parametrize("called", ["", "911", "555-0143", "(206) 555", "call me", "+1206355019900", "x" * 5000])
def test_what_cannot_be_called_is_refused_in_words(asked, called):
    with pytest.raises(NotANumber):
        asked(called)


@pytest.mark.parametrize("called", ["(206) 355-0199", "206.355.0199", "1 206 355 0199", "+1-206-355-0199"])
def test_a_called_number_may_be_written_as_people_write_it(number, asked, called):
    number(SAME_EXCHANGE)
    assert (asked(called).called, asked(called).caller_id) == (CALLED, SAME_EXCHANGE)


def test_another_accounts_campaign_is_not_found(asked):
    foreign = CampaignFactory(account=AccountFactory())
    with pytest.raises(CampaignNotFound):
        asked(campaign_id=foreign.pk)


def test_equals_take_turns(number, asked):
    for place in range(7):
        number(f"+1206455{1000 + 7 * place}")
    shown = Counter(asked().caller_id for _ in range(70))
    assert sorted(shown.values()) == [10] * 7


def test_equals_of_several_area_codes_of_a_state_take_turns(number, asked):
    for code in ("253", "360", "425", "509", "564"):
        number(f"+1{code}4551000")
        number(f"+1{code}4552000")
    shown = Counter(asked().caller_id for _ in range(50))
    assert len(shown) == 10
    assert set(shown.values()) == {5}


def test_who_comes_back_from_a_tag_has_its_turns_again(number, asked):
    numbers = [number(f"+1206455{1000 + place}") for place in range(3)]
    PhoneNumber.objects.filter(pk=numbers[1].pk).update(spam_status="tagged")
    assert Counter(asked().caller_id for _ in range(10))[numbers[1].e164] == 0
    PhoneNumber.objects.filter(pk=numbers[1].pk).update(spam_status="clean")
    assert Counter(asked().caller_id for _ in range(9)) == Counter({n.e164: 3 for n in numbers})


def test_trying_takes_no_turn_and_counts_nothing(number, asked, campaign):
    Campaign.objects.update(daily_limit=1)
    number(SAME_AREA)
    number("+12064552000")
    assert len({asked(takes_turn=False).caller_id for _ in range(5)}) == 1
    assert not NumberCalls.objects.exists()


# --- a daily limit


def limit(campaign: Campaign, calls: int | None, now) -> None:
    campaigns.set_daily_limit(campaign, calls=calls, shown=campaign.daily_limit, actor=SYSTEM, now=now)


def test_a_number_that_reached_its_daily_limit_is_skipped_until_the_next_day(number, asked, campaign, now):
    limit(campaign, 2, now)
    number(SAME_AREA)
    default(campaign, number(ELSEWHERE))
    assert [asked().caller_id for _ in range(3)] == [SAME_AREA, SAME_AREA, ELSEWHERE]
    decision = asked()
    assert (decision.because, decision.skipped_exhausted, decision.skipped_tagged) == ("local_numbers_skipped", 1, 0)
    assert NumberCalls.objects.get(number__e164=SAME_AREA).calls == 2
    assert asked(now=now + timedelta(days=1)).caller_id == SAME_AREA


def test_the_day_is_the_accounts_own(number, asked, campaign, account):
    account.time_zone = "Pacific/Guam"
    account.save()
    number(SAME_AREA)
    before, after = (datetime(2026, 11, 25, 13, minute, tzinfo=UTC) for minute in (59, 59))
    after += timedelta(minutes=2)  # midnight in Guam is at 14 o'clock UTC
    limit(campaign, 1, before)
    assert asked(now=before).caller_id == SAME_AREA
    assert asked(now=before).caller_id is None
    assert asked(now=after).caller_id == SAME_AREA


def test_the_default_is_shown_beyond_the_limit_and_said_to_be(number, asked, campaign, now):
    limit(campaign, 2, now)
    default(campaign, number(ELSEWHERE))
    assert [asked().is_exhausted for _ in range(4)] == [False, False, True, True]


@pytest.mark.parametrize(("to", "shown"), [(5, SAME_AREA), (None, SAME_AREA), (1, None)])
def test_a_changed_limit_counts_from_the_next_call(number, asked, campaign, now, to, shown):
    limit(campaign, 2, now)
    number(SAME_AREA)
    assert [asked().caller_id for _ in range(3)] == [SAME_AREA, SAME_AREA, None]
    campaign.refresh_from_db()
    limit(campaign, to, now)
    assert asked().caller_id == shown


def test_a_number_moved_to_another_campaign_keeps_its_calls_of_the_day(account, number, asked, campaign, now):
    limit(campaign, 2, now)
    moved = number(SAME_AREA)
    assert [asked().caller_id for _ in range(3)] == [SAME_AREA, SAME_AREA, None]
    other = CampaignFactory(account=account, daily_limit=2)
    campaigns.assign([moved.pk], campaign=other, actor=SYSTEM, now=now)
    assert asked(campaign_id=other.pk).caller_id is None
    for higher in (3, None):
        third = CampaignFactory(account=account, daily_limit=higher)
        campaigns.assign([moved.pk], campaign=third, actor=SYSTEM, now=now)
        assert asked(campaign_id=third.pk).caller_id == SAME_AREA


def test_a_default_from_another_campaign_is_not_exhausted_there_by_this_campaigns_limit(
    account, number, asked, campaign, now
):
    limit(campaign, 1, now)
    unlimited = CampaignFactory(account=account)
    default(campaign, number(SAME_AREA, campaign=unlimited))
    assert [asked().is_exhausted for _ in range(3)] == [False, True, True]
    assert asked(campaign_id=unlimited.pk).caller_id == SAME_AREA
    Campaign.objects.filter(pk=unlimited.pk).update(daily_limit=4)
    asked()
    assert asked(campaign_id=unlimited.pk).caller_id is None, "its own campaign's limit is reached, by calls of both"


# --- what it costs, and what it reads


@pytest.mark.parametrize("near", [SAME_EXCHANGE, SAME_AREA, SAME_STATE])
def test_an_answer_costs_the_same_queries_for_5_and_for_500_numbers(number, asked, near):
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            asked()
        return len(queries)

    add = iter(range(1000))
    for _ in range(5):
        number(f"{near[:8]}{next(add):04}")
    few = cost()
    for _ in range(495):
        number(f"{near[:8]}{next(add):04}", spam_status="tagged" if next(add) % 5 == 0 else "clean")
    assert cost() == few <= 4


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL chooses by the size of the table")
@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (queries._next_sql(3), "number_to_show"),
        (queries._skipped_sql(3), "number_skipped_tagged"),
        (queries._skipped_sql(3), "number_skipped_exhausted"),
    ],
)
def test_every_question_is_answered_from_its_index(sql, index):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("%s"))
        plan = [row[-1] for row in cursor.fetchall()]
    assert any(index in line for line in plan), plan
    assert not any(line.startswith("SCAN") and "reputation_phonenumber" in line for line in plan), plan


def test_the_table_of_area_codes_is_what_phonenumbers_knows():
    assert states() == derive()


def test_overlays_and_neighbours_stand_in_for_each_other_within_their_state_only():
    assert {"332", "646", "718", "917", "929", "516"} <= set(neighbours_of("212"))
    assert "201" not in neighbours_of("212")
    assert neighbours_of("787") == ("939",)
    assert neighbours_of("202") == ("771",)
    assert neighbours_of("800") == neighbours_of("416") == ()
