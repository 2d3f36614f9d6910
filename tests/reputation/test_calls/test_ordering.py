"""The order of a round: what is called first, what not at all, and with how many queries."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from portal.models import today_of
from reputation.models import LabelReport, NumberCalls, Submission, TestCall
from reputation.numbers import spam_status
from reputation.test_calls import rounds
from reputation.test_calls.ordering import choose_numbers
from reputation.test_calls.rounds import NoCalls
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CaseFactory,
    CheckFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    SubmissionFactory,
    TagFactory,
    TelephoneFactory,
)

pytestmark = pytest.mark.django_db


def make_calls(number, telephone, now, *days_ago):
    for before in days_ago:
        at = now - timedelta(days=before)
        test_round = rounds.TestRound.objects.create(account=number.account, minutes=1, created_at=at, ended_at=at)
        TestCall.objects.create(
            account=number.account,
            round=test_round,
            number=number,
            telephone=telephone,
            position=1,
            reason="unseen",
            day=today_of(number.account, at),
            state="counted",
            result="no_label",
            proves_absence=telephone.proves_absence(now),
            answered_at=at,
        )


def test_a_round_has_the_order_of_the_specification(account, telephone, now):
    today = today_of(account, now)
    unseen, seen, new, little, much, risk, proof, reported, default = (
        PhoneNumberFactory(account=account) for _ in range(9)
    )
    CampaignFactory(account=account, default_number=default)
    CampaignFactory(account=account, default_number=unseen, is_paused=True)
    LabelReport.objects.create(account=account, number=reported, label="Spam", reported_at=now, state_since=now)
    TagFactory(number=proof, carrier="T-Mobile", evidence="handset", detected_at=now - timedelta(days=3))
    type(risk).objects.filter(pk=risk.pk).update(at_risk_since=now, at_risk_until=now + timedelta(days=1))
    for number, calls in ((much, 90), (little, 10)):
        NumberCalls.objects.create(account=account, number=number, day=today, calls=calls)
    for number, before in ((unseen, 9), (seen, 8)):
        NumberCalls.objects.create(account=account, number=number, day=today - timedelta(days=20), calls=1)
        make_calls(number, telephone, now, before)
    chosen = choose_numbers(account, [telephone], 9, now)
    assert [choice.number_id for choice in chosen] == [
        number.pk for number in (default, reported, proof, risk, much, little, new, unseen, seen)
    ]
    assert [choice.reason for choice in chosen] == [
        *("default", "report", "proof", "at_risk", "most_calls", "most_calls", "new", "unseen", "unseen")
    ]


def test_one_in_ten_is_drawn_at_random_from_all_numbers_that_may_be_called(account, telephone, now):
    numbers = PhoneNumberFactory.create_batch(40, account=account)
    busy = {number.pk for number in numbers[:15]}
    today = today_of(account, now)
    NumberCalls.objects.bulk_create(NumberCalls(account=account, number_id=pk, day=today, calls=9) for pk in busy)
    drawn = set()
    for _ in range(40):
        chosen = choose_numbers(account, [telephone], 20, now)
        assert len({choice.number_id for choice in chosen}) == 20
        assert sum(choice.is_random for choice in chosen) == 2
        assert all(choice.is_random for choice in chosen if choice.reason == "random")
        drawn |= {(choice.number_id in busy, choice.reason) for choice in chosen if choice.is_random}
    # A number with a reason is drawn as often as any other, and has its place.
    assert (True, "most_calls") in drawn
    assert (True, "random") not in drawn
    assert (False, "random") in drawn


def test_the_place_of_a_number_that_no_telephone_fits_goes_to_the_next(account, telephone, now):
    """Two labels are due for proof, but one number was called on the only telephone of its network today."""
    verizon = TelephoneFactory(account=account, carrier="Verizon")
    called, due, *_others = PhoneNumberFactory.create_batch(8, account=account)
    for number in (called, due):
        TagFactory(number=number, carrier="T-Mobile", evidence="handset", detected_at=now - timedelta(days=3))
    make_calls(called, telephone, now, 0)
    TestCall.objects.update(result="voicemail")
    planned = rounds.plan_calls(account, 7, now=now)
    assert len(planned) == rounds.get_size(7) == 5
    assert planned[0][0].number_id == due.pk
    (whole := rounds.plan_calls(account, 12, now=now)).sort(key=lambda call: call[0].number_id)
    assert len(whole) == 8
    assert next(one for choice, one in whole if choice.number_id == called.pk) == verizon


def test_thirty_minutes_hold_25_calls_and_each_number_has_one(account, create_round):
    for carrier in ("T-Mobile", "AT&T", "Verizon"):
        TelephoneFactory(account=account, carrier=carrier)
    PhoneNumberFactory.create_batch(40, account=account)
    calls = create_round().calls
    assert calls.count() == calls.values("number").distinct().count() == 25
    assert calls.values("telephone").distinct().count() == 3


def test_a_number_is_called_once_a_day_on_a_telephone_and_three_times_a_week(account, create_round, now):
    telephones = TelephoneFactory.create_batch(4, account=account)
    number = PhoneNumberFactory(account=account)
    used = {create_round().calls.get().telephone for _ in range(3)}
    assert len(used) == 3
    with pytest.raises(NoCalls, match="as often as a week allows"):
        create_round()
    with pytest.raises(NoCalls):
        create_round(at=now + timedelta(days=5))
    assert create_round(at=now + timedelta(days=8)).calls.get().number == number
    assert used < set(telephones)


def test_the_next_round_shows_a_number_to_another_network(account, create_round):
    for carrier in ("T-Mobile", "T-Mobile", "Verizon"):
        TelephoneFactory(account=account, carrier=carrier)
    PhoneNumberFactory(account=account)
    carriers = {create_round().calls.get().telephone.carrier for _ in range(2)}
    assert carriers == {"T-Mobile", "Verizon"}


def test_a_number_with_a_request_out_waits_for_its_date(account, telephone, now):
    case = CaseFactory(number=PhoneNumberFactory(account=account), state="submitted")
    SubmissionFactory(case=case, state=Submission.State.SUBMITTED, expected_by=now + timedelta(days=7))
    assert choose_numbers(account, [telephone], 9, now) == []
    assert len(choose_numbers(account, [telephone], 9, now + timedelta(days=7))) == 1


def test_a_label_is_looked_at_on_its_network_on_a_proven_telephone_only(account, now):
    TagFactory(number=PhoneNumberFactory(account=account), carrier="Verizon", evidence="handset")
    for telephone in (
        TelephoneFactory(account=account, carrier="Verizon", proven_until=None),
        TelephoneFactory(account=account, carrier="Verizon", plan="prepaid"),
        TelephoneFactory(account=account),
    ):
        assert choose_numbers(account, [telephone], 1, now)[0].reason != "proof"
    proven = TelephoneFactory(account=account, carrier="Verizon")
    assert [(choice.reason, choice.network) for choice in choose_numbers(account, [proven], 1, now)] == [
        ("proof", "Verizon")
    ]


@pytest.mark.parametrize(("looked", "due"), [((), True), ((1,), False), ((5,), True)])
def test_a_label_that_ended_is_looked_for_again_on_days_3_7_and_14(account, telephone, now, looked, due):
    number = PhoneNumberFactory(account=account)
    tag = TagFactory(
        number=number,
        carrier="T-Mobile",
        evidence="handset",
        detected_at=now - timedelta(days=30),
        ended_at=now - timedelta(days=16),
        end_reason="cleared",
    )
    make_calls(number, telephone, now, *looked)
    reasons = [choice.reason for choice in choose_numbers(account, [telephone], 1, now)]
    assert ("proof" in reasons) == due
    type(tag).objects.update(ended_at=now - timedelta(days=2.9))
    TestCall.objects.all().delete()
    assert choose_numbers(account, [telephone], 1, now)[0].reason != "proof"


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize(
    ("carrier", "fields", "is_looked_at"),
    [
        ("T-Mobile", {}, True),
        ("T-Mobile", {"result": "name_wrong"}, True),
        ("T-Mobile", {"result": "label", "proves_absence": False}, True),
        ("T-Mobile", {"state": "done", "proves_absence": False}, True),
        ("T-Mobile", {"proves_absence": False}, False),
        ("T-Mobile", {"result": "voicemail"}, False),
        ("T-Mobile", {"result": "screened"}, False),
        ("T-Mobile", {"result": "not_arrived"}, False),
        ("Verizon", {}, False),
    ],
)
def test_a_look_for_a_label_needs_a_call_that_counts(account, telephone, now, ended, carrier, fields, is_looked_at):
    number = PhoneNumberFactory(account=account)
    end = {"ended_at": now - timedelta(days=4), "end_reason": "cleared"} if ended else {}
    TagFactory(number=number, carrier="T-Mobile", evidence="handset", detected_at=now - timedelta(days=9), **end)
    make_calls(number, TelephoneFactory(account=account, carrier=carrier), now, 0.5)
    TestCall.objects.update(**fields)
    assert (choose_numbers(account, [telephone], 1, now)[0].reason != "proof") == is_looked_at


def test_a_label_that_ended_on_a_network_nobody_knew_is_looked_for_on_any(account, telephone, now):
    number = PhoneNumberFactory(account=account)
    end = {"ended_at": now - timedelta(days=4), "end_reason": "cleared"}
    TagFactory(number=number, carrier="", evidence="report", detected_at=now - timedelta(days=9), **end)
    assert choose_numbers(account, [telephone], 1, now)[0].reason == "proof"
    make_calls(number, TelephoneFactory(account=account, carrier="Verizon"), now, 0.5)
    assert choose_numbers(account, [telephone], 1, now)[0].reason != "proof"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("report_wait_days", "report"), ("relook_wait_days", "proof"), ("volume_days", "most_calls")],
)
def test_the_days_for_which_reasons_last_are_settings(account, telephone, now, settings, setting, reason):
    number, before = PhoneNumberFactory(account=account), now - timedelta(days=31)
    times = {"reported_at": before, "state_since": before}
    LabelReport.objects.create(account=account, number=number, label="Spam", **times)
    tag = {"detected_at": before, "ended_at": before, "end_reason": "cleared"}
    TagFactory(number=number, carrier="T-Mobile", evidence="handset", **tag)
    NumberCalls.objects.create(account=account, number=number, day=today_of(account, before), calls=5)
    assert choose_numbers(account, [telephone], 1, now)[0].reason == "unseen"
    settings.TEST_CALLS = replace(settings.TEST_CALLS, **{setting: 40})
    assert choose_numbers(account, [telephone], 1, now)[0].reason == reason


def test_numbers_and_telephones_of_other_accounts_are_not_called(account, telephone, create_round, now):
    other = AccountFactory()
    PhoneNumberFactory(account=other)
    with pytest.raises(NoCalls):
        create_round()
    PhoneNumberFactory(account=account)
    with pytest.raises(NoCalls, match="no telephone"):
        create_round(telephones=[TelephoneFactory(account=other)])


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(account, actor, now):
    TelephoneFactory.create_batch(2, account=account)
    counts = []
    for size in (70, 300):
        PhoneNumberFactory.create_batch(size, account=account)
        with CaptureQueriesContext(connection) as queries:
            rounds.create_round(account, 60, context=Context(actor, now + timedelta(days=len(counts) * 8)))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 23


@pytest.mark.parametrize(
    "sign",
    [
        {"verdict": "labelled", "label": "Telemarketer", "severity": "category"},
        {"verdict": "warning"},
        {"verdict": "warning", "evidence": "report", "label": "Scam Likely"},
        {"verdict": "warning", "evidence": "complaints", "raw_response": {"complaints": 2}},
    ],
    ids=["category", "medium risk", "one unconfirmed report", "two complaints"],
)
def test_a_number_that_becomes_at_risk_moves_up_in_the_next_round_until_the_risk_ends(account, telephone, now, sign):
    busy, number = PhoneNumberFactory(account=account), MonitoredNumberFactory(account=account)
    NumberCalls.objects.create(account=account, number=busy, day=today_of(account, now), calls=90)

    def first(at):
        return next((choice.number_id, choice.reason) for choice in choose_numbers(account, [telephone], 9, at))

    assert first(now) == (busy.pk, "most_calls")
    ends = now + timedelta(days=30)
    CheckFactory(number=number, effect="risk", valid_until=ends, **sign)
    spam_status.recompute([number.pk], now=now)
    assert first(now) == (number.pk, "at_risk")
    assert first(ends)[1] != "at_risk"
