"""Several people share a round: nobody repeats a call, and no telephone is called by two at once."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import close_old_connections, connection
from django.utils import timezone

from portal.audit import Context
from portal.models import today_of
from reputation.models import TestCall
from reputation.test_calls import results, rounds
from reputation.test_calls.rounds import Caller
from tests.factories import PhoneNumberFactory, TelephoneFactory, UserFactory


@pytest.fixture
def shared(account, create_round):
    TelephoneFactory.create_batch(3, account=account)
    PhoneNumberFactory.create_batch(12, account=account)
    return create_round()


@pytest.mark.django_db
def test_two_people_get_different_calls_to_different_telephones(account, shared, now):
    anna, berta = (Caller(user=UserFactory()) for _ in range(2))
    first, second = (rounds.take_call(account, caller=caller, now=now) for caller in (anna, berta))
    assert first.pk != second.pk
    assert first.telephone != second.telephone
    assert rounds.take_call(account, caller=anna, now=now) == first


@pytest.mark.django_db
def test_a_call_without_a_result_is_free_again_and_the_first_can_store_none(account, shared, now):
    late, other = (Caller(user=UserFactory()) for _ in range(2))
    call = rounds.take_call(account, caller=late, now=now)
    again = rounds.take_call(account, caller=other, now=now + timedelta(minutes=5))
    assert again.pk == call.pk
    with pytest.raises(results.ResultRefused, match="taken by somebody else"):
        results.record_result(call, "no_label", now=now)
    assert not rounds.give_back(call)
    assert rounds.give_back(again)
    assert rounds.take_call(account, caller=late, now=now + timedelta(minutes=5)).pk == call.pk


@pytest.mark.django_db
def test_a_round_ends_once_and_its_open_calls_may_be_planned_again(account, shared, actor, create_round, now):
    assert rounds.end_round(shared, context=Context(actor, now))
    assert not rounds.end_round(shared, context=Context(actor, now))
    assert not shared.is_open
    assert rounds.take_call(account, caller=Caller(user=actor.user), now=now) is None
    assert create_round().calls.count() == 12


@pytest.mark.django_db
def test_a_call_that_is_made_the_next_day_is_one_of_that_day(account, actor, create_round, now):
    TelephoneFactory(account=account)
    PhoneNumberFactory(account=account)
    test_round = create_round()
    tomorrow = now + timedelta(hours=23)
    call = rounds.take_call(account, caller=Caller(user=actor.user), now=tomorrow)
    results.record_result(call, "no_label", now=tomorrow)
    rounds.end_round(test_round, context=Context(actor, tomorrow))
    assert call.day == today_of(account, tomorrow)
    with pytest.raises(rounds.NoCalls):
        create_round(at=tomorrow)


@pytest.mark.django_db
def test_a_call_of_yesterday_is_dropped_if_its_number_was_called_today(account, actor, create_round, now):
    telephone = TelephoneFactory(account=account)
    PhoneNumberFactory(account=account)
    yesterday = create_round()
    tomorrow = now + timedelta(hours=23)
    create_round(at=tomorrow, telephones=[telephone])
    caller = Caller(user=actor.user)
    assert rounds.take_call(account, caller=caller, now=tomorrow, test_round=yesterday) is None
    assert yesterday.calls.get().state == "dropped"


@pytest.mark.django_db
def test_a_round_that_nobody_ends_does_so_after_a_day(shared, now, settings):
    assert rounds.end_stale_rounds(now + timedelta(hours=23)) == 0
    settings.TEST_CALLS = replace(settings.TEST_CALLS, round_hours=25)
    assert rounds.end_stale_rounds(now + timedelta(days=1)) == 0
    settings.TEST_CALLS = replace(settings.TEST_CALLS, round_hours=24)
    assert rounds.end_stale_rounds(now + timedelta(days=1)) == 1
    assert shared.calls.filter(state="dropped").count() == 12


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_share_60_calls_without_repeating_one(account, actor):
    now = timezone.now()
    TelephoneFactory.create_batch(4, account=account)
    PhoneNumberFactory.create_batch(60, account=account)
    rounds.create_round(account, 72, context=Context(actor, now))
    made, failures = [], []

    def work(caller):
        try:
            while call := rounds.take_call(account, caller=caller, now=timezone.now()):
                results.record_result(call, "no_label", now=timezone.now())
                made.append((call.pk, caller.user.pk))
        except Exception as error:
            failures.append(error)
        finally:
            close_old_connections()
            connection.close()

    people = [threading.Thread(target=work, args=[Caller(user=UserFactory())]) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert failures == []
    assert len(made) == len({pk for pk, _ in made}) == 60
    assert TestCall.objects.filter(state="done").count() == 60
