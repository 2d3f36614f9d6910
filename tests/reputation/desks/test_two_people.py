"""Two people at the desk at once: nothing is claimed or sent twice, and no limit is exceeded."""

import threading

import pytest
from django.db import connections

from portal.audit import Actor, Context
from reputation.desks import letters, requests
from reputation.models import DeskLetter, DeskRequest
from tests.factories import MemberFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(account):
    return [MemberFactory(account=account).user for _ in range(2)]


def at_once(people, step):
    """Runs the step for each person in a thread of its own; returns what it returned or raised, by user id."""
    outcomes, start = {}, threading.Barrier(len(people))

    def run(user):
        start.wait()
        try:
            outcomes[user.pk] = step(user)
        except letters.NotSendable as refusal:
            outcomes[user.pk] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_each_request_is_claimed_by_one_person(account, open_request, people, now):
    ids = [open_request().pk for _ in range(8)]
    orders = {people[0].pk: ids, people[1].pk: ids[::-1]}
    outcomes = at_once(people, lambda user: requests.claim(account, orders[user.pk], user=user, now=now))
    assert sorted(pk for claimed in outcomes.values() for pk in claimed) == ids
    for user in people:
        assert set(DeskRequest.objects.filter(claimed_by=user).values_list("pk", flat=True)) == set(outcomes[user.pk])


def test_same_request_is_sent_once(account, open_request, people, now, desk):
    ids = [open_request().pk, open_request().pk]
    draft = letters.LetterDraft(desk.pk, "Please review these.", "Ada Bright")
    outcomes = at_once(people, lambda user: letters.send(account, ids, draft, context=Context(Actor(user, "web"), now)))
    assert {type(outcome) for outcome in outcomes.values()} == {DeskLetter, letters.NotSendable}
    assert DeskLetter.objects.count() == 1


def test_daily_limit_holds_for_two_people(account, open_request, people, now, desk):
    desk.daily_limit = 3
    desk.save()
    ids = [open_request().pk for _ in range(4)]
    mine = {people[0].pk: ids[:2], people[1].pk: ids[2:]}
    draft = letters.LetterDraft(desk.pk, "Please review these.", "Ada Bright")
    outcomes = at_once(
        people, lambda user: letters.send(account, mine[user.pk], draft, context=Context(Actor(user, "web"), now))
    )
    assert {type(outcome) for outcome in outcomes.values()} == {DeskLetter, letters.NotSendable}
    assert DeskRequest.objects.filter(state="sent").count() == 2
