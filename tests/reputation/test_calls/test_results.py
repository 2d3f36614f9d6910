"""What the result of a test call does to its number."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.audit import Context
from reputation.models import Case, Check, NumberCalls, PhoneNumber, Tag, TestCall
from reputation.monitoring import capability
from reputation.numbers import last_seen
from reputation.test_calls import blocking, results, rounds
from reputation.test_calls.rounds import Caller
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    MonitoredNumberFactory,
    PhoneNumberFactory,
    TelephoneFactory,
)

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def get_check(number) -> Check:
    return Check.objects.get(number=number, is_current=True)


def test_a_label_tags_the_number_with_its_engine_and_network_and_opens_a_case(number, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    tag = Tag.objects.get()
    assert (tag.label, tag.severity, tag.evidence) == ("Scam Likely", "scam", "handset")
    assert (tag.engine.slug, tag.carrier) == ("first-orion", "T-Mobile")
    assert number.spam_status == Status.TAGGED
    assert Case.objects.get().state == "open"


def test_a_network_that_no_engine_is_known_for_has_the_unknown_engine(account, number, call, now):
    call(number, TelephoneFactory(account=account, carrier="Smalltown Wireless"), "Spam", now)
    assert (Tag.objects.get().engine.slug, Tag.objects.get().carrier) == ("unknown", "Smalltown Wireless")


def test_a_category_that_fits_puts_the_number_at_risk(number, telephone, call, now):
    call(number, telephone, "Telemarketer", now)
    assert (number.spam_status, Tag.objects.count()) == (Status.AT_RISK, 0)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ("no_label", "clean"),
        ("name_right", "clean"),
        ("name_wrong", "clean"),
        ("screened", "unknown"),
        ("voicemail", "unknown"),
        ("not_arrived", "unknown"),
    ],
)
def test_only_a_call_that_was_displayed_says_something(number, telephone, call, now, result, verdict):
    call(number, telephone, result, now, name="Cascade Solar")
    check = get_check(number)
    assert (check.verdict, check.evidence, check.carrier) == (verdict, "handset", "T-Mobile")
    assert (check.raw_response["result"], check.raw_response["name"]) == (result, "Cascade Solar")


@pytest.mark.parametrize("fields", [{"proven_until": None}, {"plan": "prepaid"}, {"plan": "mvno"}])
def test_no_label_on_a_telephone_that_proves_no_absence_says_nothing(account, number, call, now, fields):
    telephone = TelephoneFactory(account=account, **fields)
    call(number, telephone, "no_label", now)
    assert get_check(number).verdict == "unknown"
    assert get_check(number).raw_response["not_counted"]
    assert number.spam_status == Status.UNKNOWN
    call(number, telephone, "Scam Likely", now + DAY)
    assert number.spam_status == Status.TAGGED


def test_a_label_proves_the_telephone(account, number, call, now):
    telephone = TelephoneFactory(account=account, proven_until=None)
    call(number, telephone, "Scam Likely", now)
    telephone.refresh_from_db()
    assert telephone.proven_until == now + timedelta(days=90)


def test_a_label_proves_its_telephone_for_later_calls_only(account, actor, number, create_round, now):
    """Three calls of a round to a telephone that is not proven: no label, a label, no label."""
    numbers = [number, *MonitoredNumberFactory.create_batch(2, account=account)]
    TelephoneFactory(account=account, proven_until=None)
    test_round = create_round()
    caller = Caller(user=actor.user)
    said = {}
    for minute, result in enumerate(("no_label", "label", "no_label")):
        at = now + timedelta(minutes=minute)
        taken = rounds.take_call(account, caller=caller, now=at, test_round=test_round)
        results.record_result(taken, result, now=at, label="Scam Likely" if result == "label" else "")
        said[taken.number_id] = minute
    rounds.end_round(test_round, context=Context(actor, now + timedelta(hours=1)))
    results.count_round(test_round.pk, now + timedelta(hours=1))
    verdicts = dict(Check.objects.filter(number__in=numbers).values_list("number", "verdict"))
    assert [verdicts[pk] for pk in sorted(said, key=said.__getitem__)] == ["unknown", "labelled", "clean"]
    assert list(TestCall.objects.order_by("answered_at").values_list("proves_absence", flat=True)) == [
        False,
        True,
        True,
    ]


def test_a_number_is_clean_once_each_network_with_a_proven_telephone_saw_no_label(
    account, number, telephone, call, now
):
    TelephoneFactory(account=account, carrier="AT&T", proven_until=None)
    verizon = TelephoneFactory(account=account, carrier="Verizon")
    call(number, telephone, "no_label", now)
    assert number.spam_status == Status.UNKNOWN
    call(number, verizon, "no_label", now)
    assert number.spam_status == Status.CLEAN


def test_the_days_of_calls_that_make_a_number_busy_are_a_setting(account, number, telephone, call, now, settings):
    settings.TEST_CALLS = replace(settings.TEST_CALLS, volume_days=1)
    NumberCalls.objects.create(account=account, number=number, day=now.date(), calls=51)
    call(number, telephone, "no_label", now)
    assert get_check(number).valid_until == now + timedelta(days=7)


@pytest.mark.parametrize(("calls", "days"), [(8 * 51, 7), (7 * 50, 14), (0, 30)])
def test_no_label_expires_by_the_calls_that_the_number_shows(account, number, telephone, call, now, calls, days):
    NumberCalls.objects.create(account=account, number=number, day=now.date(), calls=calls)
    call(number, telephone, "no_label", now)
    assert get_check(number).valid_until == now + timedelta(days=days)
    assert number.spam_status_at(now + timedelta(days=days)) == PhoneNumber.STALE


def test_two_calls_without_the_label_a_day_apart_on_its_network_close_the_case(number, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    call(number, telephone, "no_label", now + DAY)
    assert number.spam_status == Status.TAGGED
    call(number, telephone, "no_label", now + 2 * DAY)
    assert Case.objects.get().state == "cleared"
    assert number.spam_status == Status.CLEAN


def test_calls_less_than_a_day_apart_or_in_another_network_end_no_label(account, number, telephone, call, now):
    other, verizon = TelephoneFactory(account=account), TelephoneFactory(account=account, carrier="Verizon")
    call(number, telephone, "Scam Likely", now)
    call(number, telephone, "no_label", now + DAY)
    call(number, other, "no_label", now + 2 * DAY - HOUR)
    for days in (1, 2):
        call(number, verizon, "no_label", now + days * DAY)
    assert Tag.objects.active().exists()
    call(number, other, "no_label", now + 3 * DAY)
    assert not Tag.objects.active().exists()


def test_calls_count_together_although_the_first_expired(number, account, telephone, call, now):
    call(number, telephone, "Scam Likely", now)
    call(number, telephone, "no_label", now + DAY)
    call(number, telephone, "no_label", now + 40 * DAY)
    assert not Tag.objects.active().exists()


def test_a_label_between_them_begins_the_count_anew(number, telephone, call, now):
    for days, result in enumerate(("Scam Likely", "no_label", "Scam Likely", "no_label")):
        call(number, telephone, result, now + days * DAY)
    assert Tag.objects.active().count() == 1
    call(number, telephone, "no_label", now + 4 * DAY)
    assert not Tag.objects.active().exists()


def test_unproven_telephones_end_no_label(account, number, telephone, call, now):
    unproven = TelephoneFactory(account=account, plan="mvno")
    call(number, telephone, "Scam Likely", now)
    for days in (1, 2, 3):
        call(number, unproven, "no_label", now + days * DAY)
    assert Tag.objects.active().exists()


def test_a_label_that_returns_is_tagged_again(number, telephone, call, now):
    for days, result in enumerate(("Scam Likely", "no_label", "no_label", "Spam")):
        call(number, telephone, result, now + days * DAY)
    assert number.spam_status == Status.TAGGED_AGAIN
    assert Case.objects.latest("pk").former == Case.objects.earliest("pk")


def test_no_label_on_another_telephone_in_the_same_round_does_not_hide_a_label(account, actor, number, telephone, now):
    TelephoneFactory(account=account)
    test_rounds = [rounds.create_round(account, 5, context=Context(actor, now)) for _ in range(2)]
    for test_round, result in zip(test_rounds, ("label", "no_label"), strict=True):
        taken = rounds.take_call(account, caller=Caller(user=actor.user), now=now, test_round=test_round)
        results.record_result(taken, result, now=now, label="Spam")
        rounds.end_round(test_round, context=Context(actor, now))
    assert results.count_results(now) == 2
    assert results.count_results(now) == 0
    assert Tag.objects.active().count() == 1


def test_a_result_counts_after_30_minutes_or_at_the_end_of_its_round_and_may_be_undone_before(
    account, actor, number, telephone, create_round, now
):
    test_round = create_round()
    taken = rounds.take_call(account, caller=Caller(user=actor.user), now=now)
    results.record_result(taken, "label", now=now, label="Spam")
    assert results.count_results(now + timedelta(minutes=29)) == 0
    results.undo_result(taken, now=now)
    assert rounds.take_call(account, caller=Caller(user=actor.user), now=now) == taken
    assert (taken.state, taken.result, taken.answered_at) == ("planned", "", None)
    results.record_result(taken, "no_label", now=now)
    assert results.count_results(now + timedelta(minutes=30)) == 1
    with pytest.raises(results.ResultRefused, match="counts already"):
        results.undo_result(taken, now=now)
    assert test_round.is_open
    assert not Tag.objects.exists()


@pytest.mark.parametrize(("result", "label"), [("label", " "), ("a guess", "Spam")])
def test_a_result_that_is_none_changes_nothing(account, actor, number, telephone, create_round, now, result, label):
    create_round()
    taken = rounds.take_call(account, caller=Caller(user=actor.user), now=now)
    with pytest.raises(results.ResultRefused):
        results.record_result(taken, result, now=now, label=label)
    taken.refresh_from_db()
    assert taken.state == "planned"


def test_a_number_is_blocked_if_it_twice_did_not_arrive_while_a_control_number_rang(number, telephone, call, now):
    for days in (0, 1):
        at = now + days * DAY
        blocking.add_control_call(telephone, "+12065559999", at + timedelta(minutes=4))
        call(number, telephone, "not_arrived", at)
        assert number.spam_status == (Status.TAGGED if days else Status.UNKNOWN)
    assert (get_check(number).verdict, Tag.objects.get().carrier) == ("blocked", "T-Mobile")


def test_two_calls_that_did_not_arrive_count_together_within_7_days(number, telephone, call, now, settings):
    for days, verdict in ((0, "unknown"), (7.1, "unknown"), (14, "blocked")):
        at = now + days * DAY
        blocking.add_control_call(telephone, "+12065559999", at)
        call(number, telephone, "not_arrived", at)
        assert get_check(number).verdict == verdict
    settings.TEST_CALLS = replace(settings.TEST_CALLS, arrivals_days=1)
    first, last = TestCall.objects.order_by("-answered_at")[:2]
    assert blocking.find_blocked([first, last]) == set()


def test_a_test_call_of_another_number_is_a_control_and_a_late_one_is_not(account, number, telephone, call, now):
    other = MonitoredNumberFactory(account=account)
    for days, minutes in ((0, 4), (1, 6), (2, 4)):
        call(other, telephone, "no_label", now + days * DAY)
        call(number, telephone, "not_arrived", now + days * DAY + timedelta(minutes=minutes))
    assert get_check(number).verdict == "unknown"
    call(other, telephone, "no_label", now + 3 * DAY)
    call(number, telephone, "not_arrived", now + 3 * DAY)
    assert get_check(number).verdict == "blocked"


def test_a_label_of_a_number_that_is_not_monitored_has_no_case_and_matching_skips_it(
    account, actor, telephone, call, now
):
    number = PhoneNumberFactory(account=account, campaign=CampaignFactory(account=account))
    call(number, telephone, "Scam Likely", now)
    assert (number.spam_status, number.is_skipped, number.tagged_since) == (Status.LAST_SEEN, True, None)
    assert last_seen.get_last_seen_tags([number])[number.pk] == [Tag.objects.get()]
    assert not Case.objects.exists()
    for days in (1, 2):
        call(number, telephone, "no_label", now + days * DAY)
    assert number.spam_status == Status.NOT_MONITORED
    assert get_check(number).verdict == "clean"


def test_a_label_of_a_number_that_is_not_monitored_gets_its_case_with_monitoring(account, actor, telephone, call, now):
    number = PhoneNumberFactory(account=account)
    call(number, telephone, "Scam Likely", now)
    capability.enable([number.pk], context=Context(actor, now))
    number.refresh_from_db()
    assert (number.spam_status, Case.objects.get().number) == (Status.TAGGED, number)


def test_a_number_that_is_not_monitored_can_be_released(account, actor, telephone, call, now):
    number = PhoneNumberFactory(account=account)
    call(number, telephone, "Scam Likely", now)
    assert last_seen.release([number.pk], context=Context(actor, now), reason="Checked.") == [number.pk]
    call(number, TelephoneFactory(account=account, carrier="Verizon"), "no_label", now + DAY)
    assert number.spam_status == Status.NOT_MONITORED


def test_another_account_with_the_same_number_learns_nothing(number, telephone, call, now):
    other = MonitoredNumberFactory(account=AccountFactory(), e164=number.e164)
    call(number, telephone, "Scam Likely", now)
    other.refresh_from_db()
    assert other.spam_status == Status.UNKNOWN
    assert not Check.objects.filter(number=other).exists()
