"""The sample of calls at random: its size and its 95 % interval."""

from datetime import timedelta

import pytest

from reputation.models import TestCall, TestRound
from reputation.test_calls.sampling import get_interval, get_sample
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
            reason=reason,
            day=now.date(),
            state="counted",
            result=result,
            answered_at=now - timedelta(days=before),
        )
    sample = get_sample(account, now)
    assert (sample.size, sample.labelled) == (3, 2)
