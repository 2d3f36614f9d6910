"""Equal observations extend a check, others start a new one."""

from datetime import timedelta

import pytest

from reputation.models import Check, Tag
from reputation.monitoring import observations
from reputation.providers.protocol import (
    Observation,
    Verdict,
)
from reputation.service_clock import days
from tests.support.lookups import create_due_numbers, get_connection, look_up_all

pytestmark = pytest.mark.django_db


def test_equal_observations_extend_a_check_and_a_different_one_starts_another(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    for day in range(3):
        look_up_all(now + days(day))
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    look_up_all(now + days(3))
    runs = Check.objects.filter(number=number, engine__slug="alpha").order_by("pk")
    assert [(run.verdict, run.looks, run.first_at, run.last_at, run.is_current) for run in runs] == [
        ("clean", 3, now, now + days(2), False),
        ("labelled", 1, now + days(3), now + days(3), True),
    ]


def test_equal_observation_after_a_gap_starts_a_new_check(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    look_up_all(now)
    look_up_all(now + days(5))
    assert Check.objects.filter(number=number, engine__slug="alpha").count() == 2


def test_check_uses_the_time_at_which_the_engine_observed(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    observed_at = now - days(1.5)
    observations.apply_observations(
        [Observation(number.e164, "alpha", Verdict.CLEAN, observed_at=observed_at)],
        connection=get_connection(),
        now=now,
    )
    check = Check.objects.get()
    assert (check.last_at, check.valid_until) == (observed_at, observed_at + days(2))


def test_observation_older_than_the_last_one_changes_nothing(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    observations.apply_observations(
        [Observation(number.e164, "alpha", Verdict.CLEAN, observed_at=now - timedelta(hours=1))],
        connection=get_connection(),
        now=now,
    )
    assert Tag.objects.active().count() == 1
