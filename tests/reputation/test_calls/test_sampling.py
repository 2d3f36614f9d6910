"""The sample of calls at random: its size and its 95 % interval."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reputation.models import TestCall, TestRound
from reputation.test_calls.sampling import describe_sample, get_interval, get_sample
from tests.factories import PhoneNumberFactory, TelephoneFactory


def test_60_numbers_without_a_label_give_at_most_5_percent():
    interval = get_interval(0, 60)
    assert (interval.low, round(interval.high * 100)) == (0, 5)
    assert interval.high < 3 / 60


@pytest.mark.parametrize(
    ("labelled", "size", "low", "high"),
    # Clopper and Pearson's table: 1 of 10, 5 of 10, 10 of 100, 50 of 1,000.
    [(1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129), (10, 100, 0.0490, 0.1762), (50, 1000, 0.0373, 0.0654)],
)
def test_known_intervals(labelled, size, low, high):
    interval = get_interval(labelled, size)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_nothing_seen_says_nothing_and_an_impossible_sample_is_an_error():
    assert (get_interval(0, 0).low, get_interval(0, 0).high) == (0, 1)
    assert get_interval(7, 7).high == 1
    with pytest.raises(ValueError, match="3 of 2"):
        get_interval(3, 2)


@pytest.mark.django_db
def test_the_sample_has_the_numbers_that_were_called_at_random_and_counts_proven_telephones(account, settings, now):
    numbers = PhoneNumberFactory.create_batch(100, account=account)
    assert get_sample(account, now) is None
    numbers += PhoneNumberFactory.create_batch(1, account=account)
    proven, other = TelephoneFactory(account=account), TelephoneFactory(account=account, proven_until=None)
    test_round = TestRound.objects.create(account=account, minutes=9, created_at=now)
    calls = [
        (proven, "random", "no_label", 1),
        (proven, "random", "label", 2),
        (other, "random", "no_label", 1),
        (other, "random", "label", 1),
        (proven, "at_risk", "label", 1),
        (proven, "random", "no_label", 31),
        (proven, "random", "voicemail", 1),
    ]
    for place, (telephone, reason, result, before) in enumerate(calls):
        TestCall.objects.create(
            account=account,
            round=test_round,
            number=numbers[place],
            telephone=telephone,
            position=place,
            reason="unseen",
            is_random=reason == "random",
            day=now.date(),
            state="counted",
            result=result,
            proves_absence=telephone == proven,
            answered_at=now - timedelta(days=before),
        )
    sample = get_sample(account, now)
    assert (sample.size, sample.labelled) == (2, 1)
    settings.TEST_CALLS = replace(settings.TEST_CALLS, sample_days=32)
    assert get_sample(account, now).size == 3


@pytest.mark.django_db
def test_a_round_whose_draw_is_not_called_to_its_end_is_not_in_the_sample(account, now):
    numbers = PhoneNumberFactory.create_batch(101, account=account)
    test_round = TestRound.objects.create(account=account, minutes=9, created_at=now)
    common = {
        "account": account,
        "round": test_round,
        "telephone": TelephoneFactory(account=account),
        "day": now.date(),
    }
    common |= {"is_random": True, "position": 1}
    seen = {"state": "counted", "result": "no_label", "proves_absence": True, "answered_at": now}
    TestCall.objects.create(number=numbers[0], reason="most_calls", **seen, **common)
    last = TestCall.objects.create(number=numbers[1], reason="random", **common)
    assert get_sample(account, now).size == 0
    TestCall.objects.filter(pk=last.pk).update(**seen)
    assert get_sample(account, now).size == 2


@pytest.mark.parametrize(
    ("labelled", "size", "sentence"),
    [
        (0, 60, "60 random numbers without a label: at most 5 % of all have one"),
        (0, 1, "1 random number without a label: at most 95 % of all have one"),
        (3, 60, "3 of 60 random numbers with a label: 1 % to 14 % of all have one"),
        (1, 1000, "1 of 1,000 random numbers with a label: less than 1 % of all have one"),
        (7, 7, "7 of 7 random numbers with a label: at least 65 % of all have one"),
        (0, 0, "No number was called at random in the last 30 days"),
    ],
)
def test_the_sample_is_told_in_a_sentence(labelled, size, sentence):
    assert describe_sample(get_interval(labelled, size)) == sentence
