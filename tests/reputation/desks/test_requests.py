"""Requests: opened with a case, claimed, asked again, withdrawn and closed."""

from datetime import timedelta

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation.desks import requests
from reputation.desks.opening import open_requests
from reputation.models import DeskRequest, Submission, Tag
from tests.factories import AccountFactory, MonitoredNumberFactory, UserFactory

State = DeskRequest.State


@pytest.fixture
def refused(open_request, send, reply, now):
    request = open_request()
    send([request], now)
    reply([request], "refused", now + timedelta(days=1), refusal="behaviour")
    request.refresh_from_db()
    return request


def test_new_case_has_a_request_that_is_due_in_two_business_days(open_request, desk, now):
    request = open_request()
    assert (request.state, request.desk, request.former) == (State.TO_SEND, desk, None)
    assert request.due_at.date() == (now + timedelta(days=3)).date()  # Thursday evening in New York, Friday in UTC
    assert request.case.is_unfinished
    assert AuditEvent.objects.filter(code="desk_request.to_send", subject_id=request.pk).exists()


def test_repeated_opening_opens_no_second_request(open_request, now):
    request = open_request()
    assert open_requests([request.number_id], now=now + timedelta(hours=1)) == 0
    assert DeskRequest.objects.count() == 1


def test_request_is_claimed_by_one_person_at_a_time(account, open_request, now):
    ids = [open_request().pk, open_request().pk]
    ann, bob = UserFactory(), UserFactory()
    assert requests.claim(account, ids[:1], user=ann, now=now) == ids[:1]
    assert requests.claim(account, ids, user=bob, now=now) == ids[1:]
    assert requests.claim(account, ids, user=ann, now=now) == ids[:1]
    assert requests.claim(account, ids, user=bob, now=now + timedelta(minutes=31)) == ids


def test_released_request_can_be_claimed(account, open_request, now):
    request = open_request()
    ann, bob = UserFactory(), UserFactory()
    requests.claim(account, [request.pk], user=ann, now=now)
    requests.release(account, [request.pk], user=bob)
    assert requests.claim(account, [request.pk], user=bob, now=now) == []
    requests.release(account, [request.pk], user=ann)
    assert requests.claim(account, [request.pk], user=bob, now=now) == [request.pk]


def test_requests_of_another_account_are_out_of_reach(open_request, now, actor):
    request = open_request()
    other = AccountFactory()
    assert requests.claim(other, [request.pk], user=actor.user, now=now) == []
    assert requests.withdraw(other, [request.pk], context=Context(actor, now)) == []
    with pytest.raises(requests.NotAskable, match="do not exist"):
        requests.ask_again(other, [request.pk], context=Context(actor, now))


def test_refusal_because_of_behaviour_needs_a_note_and_thirty_days(account, refused, actor, now):
    later = Context(actor, now + timedelta(days=2))
    with pytest.raises(requests.NotAskable, match="Say what changed"):
        requests.ask_again(account, [refused.pk], context=later)
    (pk,) = requests.ask_again(account, [refused.pk], what_changed="At most 40 calls a day.", context=later)
    again = DeskRequest.objects.get(pk=pk)
    assert (again.former, again.what_changed, again.state) == (refused, "At most 40 calls a day.", State.TO_SEND)
    assert again.not_before == refused.state_since + timedelta(days=30)
    assert again.due_at > again.not_before


def test_withdrawing_what_waits_does_not_shorten_the_thirty_days(account, refused, actor, now):
    later = Context(actor, now + timedelta(days=2))
    (waiting,) = requests.ask_again(account, [refused.pk], what_changed="At most 40 calls a day.", context=later)
    requests.withdraw(account, [waiting], context=later)
    DeskRequest.objects.filter(pk=waiting).update(what_changed="")
    with pytest.raises(requests.NotAskable, match="Say what changed"):
        requests.ask_again(account, [waiting], context=later)
    (pk,) = requests.ask_again(account, [waiting], what_changed="At most 40 calls a day.", context=later)
    again = DeskRequest.objects.get(pk=pk)
    assert (again.former, again.not_before) == (refused, refused.state_since + timedelta(days=30))


def test_request_is_asked_again_once(account, refused, actor, now):
    later = Context(actor, now + timedelta(days=2))
    requests.ask_again(account, [refused.pk], what_changed="Fewer calls.", context=later)
    with pytest.raises(requests.NotAskable, match="already"):
        requests.ask_again(account, [refused.pk], what_changed="Fewer calls.", context=later)
    assert DeskRequest.objects.count() == 2


def test_silent_request_is_closed_by_the_one_that_follows(account, open_request, context):
    request = open_request()
    DeskRequest.objects.update(state=State.SILENT)
    (pk,) = requests.ask_again(account, [request.pk], context=context)
    request.refresh_from_db()
    assert not request.is_open
    assert DeskRequest.objects.get(pk=pk).former == request


def test_request_that_waits_for_its_desk_is_not_asked_again(account, open_request, send, now, context):
    request = open_request()
    send([request], now)
    with pytest.raises(requests.NotAskable, match="not answered yet"):
        requests.ask_again(account, [request.pk], context=context)


def test_request_called_done_is_asked_again_only_if_the_label_was_seen_since(account, open_request, context, now):
    request = open_request()
    DeskRequest.objects.update(state=State.DONE, state_since=now)
    with pytest.raises(requests.NotAskable, match="only if a call shows the label"):
        requests.ask_again(account, [request.pk], context=context)
    Tag.objects.update(last_seen_at=now + timedelta(hours=1))
    assert requests.ask_again(account, [request.pk], context=context)


def test_nothing_is_asked_again_once_the_label_is_gone(account, refused, actor, now):
    Tag.objects.update(ended_at=now)
    with pytest.raises(requests.NotAskable, match="is gone"):
        requests.ask_again(account, [refused.pk], what_changed="Fewer calls.", context=Context(actor, now))


def test_withdrawn_request_is_closed_and_the_submission_with_it(account, open_request, context):
    request = open_request()
    assert requests.withdraw(account, [request.pk], context=context) == [request.pk]
    assert requests.withdraw(account, [request.pk], context=context) == []
    request.refresh_from_db()
    assert (request.state, request.is_open) == (State.WITHDRAWN, False)
    assert Submission.objects.get().state == Submission.State.WITHDRAWN


@pytest.mark.parametrize("count", [1, 4])
def test_number_of_queries_does_not_depend_on_that_of_the_requests(
    account, open_request, context, count, django_assert_num_queries
):
    numbers = [MonitoredNumberFactory(account=account) for _ in range(count)]
    ids = [open_request(number).pk for number in numbers]
    DeskRequest.objects.update(state=State.SILENT)
    with django_assert_num_queries(19):
        requests.ask_again(account, ids, context=context)
