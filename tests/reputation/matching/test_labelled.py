"""Labelled local numbers that a call shows all the same: the choices of a campaign, and the carrier of the call."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reputation.matching.labelled import Label, get_badness, is_labelled_elsewhere
from reputation.matching.match import MatchResult, match
from reputation.matching.tiers import Basis
from reputation.models import Campaign, CarrierEngine, Engine, PhoneNumber, Tag
from reputation.monitoring.carriers import create_known_engines, read_networks
from tests.factories import CampaignFactory, EngineFactory, PhoneNumberFactory, TagFactory

pytestmark = pytest.mark.django_db

CALLED = "+12063550199"
SAME_EXCHANGE, SAME_AREA, SAME_STATE, ELSEWHERE = "+12063551000", "+12064551000", "+15093551000", "+13053551000"
Choice = Campaign.WhenAllLabelled
Status = PhoneNumber.SpamStatus


@pytest.fixture(autouse=True)
def carriers():
    create_known_engines()


@pytest.fixture
def campaign(account) -> Campaign:
    return CampaignFactory(account=account)


@pytest.fixture
def add_number(account, campaign):
    """Return a function that adds a number to the campaign, with labels if carriers are named."""

    def add(e164: str, *on: str, engine: str = "", days_ago: int = 0, **fields: object) -> PhoneNumber:
        label = {name: fields.pop(name) for name in ("severity", "last_seen_at") if name in fields}
        if on:
            fields["spam_status"] = Status.TAGGED
        number = PhoneNumberFactory(**{"account": account, "campaign": campaign, "e164": e164} | fields)
        for carrier in on:
            of_tag = (
                Engine.objects.get(slug=engine) if engine else EngineFactory(slug=f"engine-{carrier or 'any'}"[:50])
            )
            detected_at = number.added_at - timedelta(days=days_ago)
            TagFactory(number=number, engine=of_tag, carrier=carrier, detected_at=detected_at, **label)
        return number

    return add


@pytest.fixture
def match_call(campaign, now):
    def ask(carrier: str = "", **how: object) -> MatchResult:
        how = {"now": now, "called_carrier": carrier} | how
        return match(account_id=campaign.account_id, campaign_id=campaign.pk, called_number=CALLED, **how)

    return ask


def choose(**fields: object) -> None:
    Campaign.objects.update(**fields)


# When every local number is labelled


def test_by_default_a_call_shows_a_number_of_the_state_and_then_the_default(add_number, match_call):
    add_number(SAME_EXCHANGE, "Verizon")
    choose(default_number=add_number(ELSEWHERE))
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.reason_code) == (
        ELSEWHERE,
        Basis.DEFAULT,
        "local_numbers_skipped",
    )
    add_number(SAME_STATE)
    assert match_call().caller_id == SAME_STATE


@pytest.mark.parametrize("choice", Choice)
def test_no_choice_changes_a_call_with_a_local_number_or_without_any(add_number, match_call, choice):
    choose(when_all_labelled=choice, default_number=add_number(ELSEWHERE))
    assert (match_call().caller_id, match_call().reason_code) == (ELSEWHERE, "no_local_number")
    add_number(SAME_EXCHANGE, "Verizon")
    add_number(SAME_STATE)
    assert (match_call().caller_id, match_call().reason_code) == (SAME_STATE, "")


@pytest.mark.parametrize("status", [*sorted(PhoneNumber.TAGGED), Status.LAST_SEEN])
def test_no_call_is_a_result_of_its_own(add_number, match_call, status):
    add_number(SAME_AREA, spam_status=status)
    choose(when_all_labelled=Choice.NO_CALL, default_number=add_number(ELSEWHERE))
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.reason_code) == (None, Basis.NONE, "all_labelled")
    assert decision.skipped_tagged + decision.skipped_last_seen == 1


@pytest.mark.parametrize("status", [*sorted(PhoneNumber.TAGGED), Status.LAST_SEEN])
def test_the_least_bad_number_is_shown_and_marked(add_number, match_call, status):
    add_number(SAME_AREA, spam_status=status)
    choose(when_all_labelled=Choice.LEAST_BAD, default_number=add_number(ELSEWHERE))
    decision = match_call()
    assert (decision.caller_id, decision.basis, decision.reason_code) == (
        SAME_AREA,
        Basis.AREA_CODE,
        "least_bad_label",
    )
    assert (decision.is_tagged, decision.was_labelled) == (status in PhoneNumber.TAGGED, status == Status.LAST_SEEN)
    assert (decision.skipped_tagged, decision.skipped_last_seen) == (0, 0), "the shown number is not skipped"


def test_the_oldest_label_comes_first_then_one_network_then_a_category(add_number, match_call):
    choose(when_all_labelled=Choice.LEAST_BAD)
    least_bad = (
        ("+15093551000", ("Verizon", "AT&T"), {"days_ago": 9, "severity": "scam"}),
        ("+15093551001", ("Verizon",), {"days_ago": 2, "severity": "category"}),
        ("+15093551002", ("Verizon",), {"days_ago": 2, "severity": "scam"}),
        ("+12063551000", ("Verizon", "AT&T"), {"days_ago": 2, "severity": "category"}),
        ("+12063551001", ("",), {"days_ago": 2, "severity": "spam"}),
        ("+12063551002", ("Verizon",), {"days_ago": 1, "severity": "category"}),
    )
    for e164, carriers, label in reversed(least_bad):
        add_number(e164, *carriers, **label)
    for e164, _carriers, _label in least_bad:
        assert match_call().caller_id == e164
        PhoneNumber.objects.filter(e164=e164).delete()


def test_a_label_is_as_old_as_the_last_time_it_was_found(add_number, match_call, now):
    choose(when_all_labelled=Choice.LEAST_BAD)
    add_number(SAME_EXCHANGE, "Verizon", days_ago=90, last_seen_at=now)
    add_number(SAME_AREA, "Verizon", days_ago=20)
    assert match_call().caller_id == SAME_AREA


def test_of_equal_labels_the_nearest_number_is_shown_and_equals_take_turns(add_number, match_call):
    choose(when_all_labelled=Choice.LEAST_BAD)
    add_number(SAME_STATE, "Verizon")
    near = [add_number(f"+1206355100{place}", "Verizon").e164 for place in range(3)]
    assert sorted(match_call().caller_id for _ in range(6)) == sorted(near * 2)


def test_badness_is_a_total_order_in_which_each_rule_outweighs_the_next(now):
    networks, day = read_networks(), now.date()
    ages, carriers = (9, 2), (("Verizon",), ("Verizon", "AT&T"))
    combinations = itertools.product(ages, carriers, ("category", "spam", "scam"))
    keys = [
        get_badness(
            [Label(1, carrier, severity, day - timedelta(days=age), day - timedelta(days=age)) for carrier in on],
            networks,
        )
        for age, on, severity in combinations
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert get_badness([], networks) > max(keys)
    blocked = get_badness([Label(1, "Verizon", "", day, day)], networks)
    assert blocked == get_badness([Label(1, "Verizon", "scam", day, day)], networks)


# The carrier of the call


@pytest.mark.parametrize(
    ("carrier", "shown"),
    [
        ("Verizon", SAME_EXCHANGE),
        ("VERIZON ", SAME_EXCHANGE),
        ("AT&T", SAME_EXCHANGE),
        ("T-Mobile", ELSEWHERE),
        ("t mobile", ELSEWHERE),
        ("Metro by T-Mobile", ELSEWHERE),  # First Orion labels its calls, too
        ("Mint Mobile", ELSEWHERE),
        ("", ELSEWHERE),
    ],
)
def test_a_number_labelled_on_one_network_is_shown_on_others(add_number, match_call, carrier, shown):
    add_number(SAME_EXCHANGE, "T-Mobile", engine="first-orion")
    choose(shows_on_other_networks=True, default_number=add_number(ELSEWHERE))
    decision = match_call(carrier)
    assert decision.caller_id == shown
    if shown == SAME_EXCHANGE:
        assert (decision.basis, decision.reason_code, decision.is_tagged) == (
            Basis.EXCHANGE,
            "labelled_elsewhere",
            True,
        )
        assert decision.skipped_tagged == 0


def test_it_is_skipped_if_the_campaign_does_not_allow_it(add_number, match_call):
    add_number(SAME_EXCHANGE, "T-Mobile")
    assert match_call("Verizon").caller_id is None


@pytest.mark.parametrize(
    ("on", "engine"),
    [
        (("T-Mobile", "AT&T"), ""),
        (("T-Mobile", ""), ""),
        (("",), ""),
        (("",), "first-orion"),
        (("Mint Mobile",), ""),  # its network is not in the table
        (("T-Mobile",), "tns"),  # the engine that labels the calls of Verizon
    ],
)
def test_a_label_on_several_or_unknown_networks_is_never_shown(add_number, match_call, on, engine):
    add_number(SAME_EXCHANGE, *on, engine=engine)
    choose(shows_on_other_networks=True)
    assert match_call("Verizon").caller_id is None


def test_a_number_labelled_when_last_seen_is_never_shown_for_a_carrier(add_number, match_call, now):
    number = add_number(SAME_EXCHANGE, "T-Mobile")
    Tag.objects.update(ended_at=now, end_reason=Tag.EndReason.NOT_MONITORED, last_seen_at=now)
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status=Status.LAST_SEEN)
    choose(shows_on_other_networks=True)
    assert match_call("Verizon").caller_id is None


def test_an_ended_label_does_not_count(add_number, match_call, now):
    number = add_number(SAME_EXCHANGE, "T-Mobile")
    TagFactory(number=number, carrier="Verizon", ended_at=now, end_reason=Tag.EndReason.CLEARED)
    choose(shows_on_other_networks=True)
    assert match_call("Verizon").caller_id == SAME_EXCHANGE


def test_a_changed_table_of_carriers_applies_to_the_next_call(add_number, match_call, now):
    add_number(SAME_EXCHANGE, "T-Mobile")
    choose(shows_on_other_networks=True)
    assert match_call("Mint Mobile").caller_id is None
    CarrierEngine.objects.create(carrier="Mint Mobile", engine=EngineFactory(slug="of-mint"), read_on=now.date())
    assert match_call("Mint Mobile").caller_id == SAME_EXCHANGE
    CarrierEngine.objects.filter(carrier="Mint Mobile").update(engine=Engine.objects.get(slug="first-orion"))
    assert match_call("Mint Mobile").caller_id is None


def test_nearer_numbers_come_first_and_of_equally_near_ones_those_without_a_label(add_number, match_call):
    choose(shows_on_other_networks=True)
    add_number(SAME_EXCHANGE, "T-Mobile")
    add_number(SAME_AREA)
    assert match_call("Verizon").caller_id == SAME_EXCHANGE
    assert match_call("T-Mobile").caller_id == SAME_AREA
    add_number("+12063552000")
    assert {match_call("Verizon").caller_id for _ in range(4)} == {"+12063552000"}


def test_labels_of_several_carriers_of_one_engine_are_not_on_one_network(now):
    labels = [Label(0, carrier, "spam", now.date(), now.date()) for carrier in ("Verizon", "U.S. Cellular")]
    assert not is_labelled_elsewhere(labels, "AT&T", read_networks())
    assert is_labelled_elsewhere(labels[:1], "AT&T", read_networks())


# Queries


@pytest.mark.parametrize(
    ("fields", "carrier", "queries"),
    [
        ({"shows_on_other_networks": True}, "Verizon", 6),
        ({"shows_on_other_networks": True}, "Mint Mobile", 5),
        ({"when_all_labelled": Choice.LEAST_BAD}, "", 8),
        ({"when_all_labelled": Choice.NO_CALL}, "", 4),
    ],
)
def test_query_count_is_the_same_for_2_and_150_labelled_numbers(add_number, match_call, fields, carrier, queries):
    choose(**fields)
    numbers = iter(range(1000))
    for count in (2, 148):
        for _ in range(count):
            add_number(f"+1206355{next(numbers) + 1000}", "T-Mobile")
        with CaptureQueriesContext(connection) as captured:
            match_call(carrier)
        assert len(captured) == queries, [query["sql"][:80] for query in captured]


def test_a_call_that_finds_a_number_asks_no_more_queries_for_its_carrier(add_number, match_call):
    choose(shows_on_other_networks=True, when_all_labelled=Choice.LEAST_BAD)
    add_number(SAME_EXCHANGE)
    for carrier, queries in (("", 1), ("Verizon", 2)):
        with CaptureQueriesContext(connection) as captured:
            match_call(carrier)
        assert len(captured) == queries
