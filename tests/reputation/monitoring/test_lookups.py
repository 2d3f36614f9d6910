"""Due numbers are looked up in rounds, and what sources answer is stored."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from portal.jobs.claims import LEASE_DURATION
from reputation.models import Check, PhoneNumber, Tag
from reputation.monitoring import capability, lookups, observations
from reputation.providers.protocol import (
    Limits,
    Observation,
    Verdict,
)
from reputation.service_clock import days
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory
from tests.support.lookups import create_due_numbers, get_connection, look_up_all

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


def test_due_number_is_looked_up_and_is_clean_when_no_engine_labels_it(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    assert look_up_all(now) == 1
    number.refresh_from_db()
    assert number.spam_status == Status.CLEAN
    assert number.checked_at == now
    assert number.fresh_until == now + days(2)
    assert Check.objects.filter(number=number, verdict="clean", is_current=True).count() == 2


def test_a_number_is_looked_up_once_a_day(provider, account, now):
    create_due_numbers(account, 1)
    look_up_all(now)
    assert look_up_all(now + days(0.9)) == 0
    assert look_up_all(now + days(1)) == 1


def test_a_number_in_a_case_is_looked_up_four_times_a_day(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    assert look_up_all(now + days(0.25)) == 1


def test_numbers_that_are_off_verifying_or_removed_are_not_looked_up(provider, account, now):
    PhoneNumberFactory(account=account, next_action_at=now)
    MonitoredNumberFactory(account=account, capability="verifying", next_action_at=now)
    MonitoredNumberFactory(account=account, removed_at=now)
    assert look_up_all(now) == 0
    assert provider.calls == []


def test_same_number_in_two_accounts_is_looked_up_once_for_both(provider, account, now):
    (mine,) = create_due_numbers(account, 1)
    theirs = MonitoredNumberFactory(e164=mine.e164)
    provider.labels[mine.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    assert provider.called("look_up") == [[mine.e164]]
    assert set(Tag.objects.values_list("account", "number")) == {
        (account.pk, mine.pk),
        (theirs.account_id, theirs.pk),
    }


def test_observations_of_unknown_numbers_and_engines_are_ignored(provider, account, now, caplog):
    (number,) = create_due_numbers(account, 1)
    with caplog.at_level("INFO"):
        done = observations.apply_observations(
            [
                Observation("+12065550199", "alpha", Verdict.LABELLED),
                Observation(number.e164, "nobody", Verdict.LABELLED),
            ],
            connection=get_connection(),
            now=now,
        )
    assert done == {}
    assert not Tag.objects.exists()
    assert "engine nobody" in caplog.text
    assert "1 numbers that are not monitored" in caplog.text


def test_observation_of_a_disabled_number_is_ignored(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    capability.disable([number.pk], context=Context.system(now))
    observations.apply_observations(
        [Observation(number.e164, "alpha", Verdict.LABELLED)], connection=get_connection(), now=now
    )
    assert not Tag.objects.exists()
    assert not Check.objects.exists()


def test_numbers_missing_in_a_response_are_looked_up_again_soon(provider, account, now):
    left_out, answered = create_due_numbers(account, 2)
    provider.omitted = {left_out.e164}
    look_up_all(now)
    answered.refresh_from_db()
    left_out.refresh_from_db()
    assert answered.spam_status == Status.CLEAN
    assert left_out.spam_status == Status.UNKNOWN
    provider.omitted = set()
    assert look_up_all(now + days(0.125)) == 1
    left_out.refresh_from_db()
    assert left_out.spam_status == Status.CLEAN


def test_numbers_over_the_limit_of_a_request_are_split_into_several(provider, account, now):
    provider.limits = Limits(look_up=2)
    create_due_numbers(account, 5)
    look_up_all(now)
    assert [len(items) for items in provider.called("look_up")] == [2, 2, 1]


def test_numbers_of_a_killed_worker_are_looked_up_after_its_claim_expires(provider, account, now):
    (number,) = create_due_numbers(account, 1)

    def die(items):
        raise SystemExit

    really, provider.look_up = provider.look_up, die
    with pytest.raises(SystemExit):
        look_up_all(now)
    provider.look_up = really
    assert look_up_all(now + LEASE_DURATION / 2) == 0
    assert look_up_all(now + LEASE_DURATION * 2) == 1
    number.refresh_from_db()
    assert number.spam_status == Status.CLEAN


def test_worker_whose_claim_expired_does_not_release_the_claim_of_another(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    really = provider.look_up

    def taken_over_meanwhile(items):
        PhoneNumber.objects.update(lease_token="another", lease_until=now + days(1))
        return really(items)

    provider.look_up = taken_over_meanwhile
    lookups.look_up_due(now)
    number.refresh_from_db()
    assert number.lease_token == "another"


def test_look_up_requested_during_another_is_not_lost(provider, account, now):
    create_due_numbers(account, 1)
    really = provider.look_up

    def asked_for_meanwhile(items):
        PhoneNumber.objects.update(next_action_at=now, lookup_round_started_at=None)
        return really(items)

    provider.look_up = asked_for_meanwhile
    lookups.look_up_due(now)
    provider.look_up = really
    assert lookups.look_up_due(now) == 1


def test_engine_that_has_not_accepted_a_number_is_not_asked_about_it(provider, account, now):
    (number,) = create_due_numbers(account, 1)
    from reputation.monitoring.engines import register_numbers

    register_numbers([number.pk], now=now)
    look_up_all(now)
    assert provider.called("look_up") == []


@pytest.mark.parametrize("labelled", [False, True])
def test_query_count_is_the_same_for_5_and_500_numbers(provider, account, now, labelled):
    counts = []
    for count in (5, 500):
        numbers = create_due_numbers(account, count)
        if labelled:
            provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert lookups.look_up_due(now) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]
