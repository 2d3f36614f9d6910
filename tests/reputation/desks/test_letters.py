"""Letters: what was sent, exactly; all or nothing, and each request once."""

from datetime import timedelta

import pytest

from reputation.desks import letters, requests
from reputation.models import DeskLetter, DeskRequest, Submission
from tests.factories import AccountFactory, DeskFactory, UserFactory

State = DeskRequest.State


def test_letter_keeps_what_was_sent(open_request, send, now, actor):
    ones = [open_request(), open_request()]
    letter = send(
        ones,
        now,
        text="Dear Hiya,\n  please review these. ",
        file_name="numbers.csv",
        file_content="number\n2065550100\n",
        reference="HD-4711",
        mailbox="desk@example.com",
    )
    letter.refresh_from_db()
    assert (letter.text, letter.file_content) == ("Dear Hiya,\n  please review these. ", "number\n2065550100\n")
    assert (letter.reference, letter.mailbox, letter.attested_by) == ("HD-4711", "desk@example.com", "Ada Bright")
    assert (letter.sent_by, letter.sent_at) == (actor.user, now)
    for request in ones:
        request.refresh_from_db()
        assert (request.state, request.letter, request.sent_at) == (State.SENT, letter, now)
        assert request.due_at.date() == (now + timedelta(days=10)).date()  # the seventh business day of the desk


def test_sent_request_is_a_submission_that_was_sent(open_request, send, now):
    request = open_request()
    assert Submission.objects.get().state == Submission.State.WAITING
    send([request], now)
    submission = Submission.objects.get()
    request.refresh_from_db()
    assert (submission.state, submission.sent_at) == (Submission.State.SUBMITTED, now)
    assert submission.expected_by == request.due_at


def test_second_click_changes_nothing_and_says_so(open_request, send, now):
    request = open_request()
    send([request], now)
    with pytest.raises(letters.NotSendable, match="already on 01 Dec 2026"):
        send([request], now + timedelta(minutes=1))
    assert DeskLetter.objects.count() == 1


def test_request_that_somebody_else_works_on_is_not_sent(account, open_request, send, now):
    ones = [open_request(), open_request()]
    other = UserFactory(name="Grace Hall")
    requests.claim(account, [ones[1].pk], user=other, now=now)
    with pytest.raises(letters.NotSendable, match="works on"):
        send(ones, now)
    assert not DeskLetter.objects.exists()
    assert send(ones, now + timedelta(minutes=31))


def test_request_is_not_sent_before_its_date(open_request, send, now):
    request = open_request()
    DeskRequest.objects.update(not_before=now + timedelta(days=3))
    with pytest.raises(letters.NotSendable, match="before 04 Dec 2026"):
        send([request], now)
    assert send([request], now + timedelta(days=3))


def test_refusal_because_of_behaviour_needs_a_note_of_what_changed(account, open_request, send, now):
    request = open_request()
    former = DeskRequest.objects.create(
        account=account,
        number=request.number,
        desk=request.desk,
        case=request.case,
        engine=request.engine,
        state=State.REFUSED,
        refusal="behaviour",
        state_since=now - timedelta(days=40),
        closed_at=now,
    )
    DeskRequest.objects.filter(pk=request.pk).update(former=former)
    with pytest.raises(letters.NotSendable, match="Note first what changed"):
        send([request], now)
    DeskRequest.objects.filter(pk=request.pk).update(what_changed="At most 40 calls a day.")
    assert send([request], now)


def test_desk_takes_no_more_numbers_a_day_than_its_limit(account, open_request, send, desk, now):
    desk.daily_limit = 2
    desk.save()
    ones = [open_request() for _ in range(3)]
    with pytest.raises(letters.NotSendable, match="2 numbers a day, and today 2 more"):
        send(ones, now)
    send(ones[:1], now)
    assert letters.get_room_today(account, desk, now) == 1
    with pytest.raises(letters.NotSendable, match="today 1 more"):
        send(ones[1:], now)
    send(ones[1:2], now)
    assert send(ones[2:], now + timedelta(days=1))


def test_letter_has_no_more_numbers_than_the_desk_takes(open_request, send, desk, now):
    desk.batch_limit = 1
    desk.save()
    with pytest.raises(letters.NotSendable, match="1 number a letter"):
        send([open_request(), open_request()], now)


@pytest.mark.parametrize(
    ("fields", "message"), [({"text": " "}, "exactly as you sent it"), ({"attested_by": ""}, "Name the person")]
)
def test_letter_needs_its_text_and_somebody_who_attests(open_request, send, now, fields, message):
    with pytest.raises(letters.NotSendable, match=message):
        send([open_request()], now, **fields)


def test_letter_goes_to_one_desk_of_the_account(account, open_request, now, context, desk):
    request = open_request()
    draft = letters.LetterDraft(DeskFactory().pk, "Please", "Ada Bright")
    with pytest.raises(letters.NotSendable, match="one desk"):
        letters.send(account, [request.pk], draft, context=context)
    draft = letters.LetterDraft(desk.pk, "Please", "Ada Bright")
    with pytest.raises(letters.NotSendable, match="do not exist"):
        letters.send(AccountFactory(), [request.pk], draft, context=context)


@pytest.mark.parametrize("count", [1, 4])
def test_number_of_queries_does_not_depend_on_that_of_the_requests(
    open_request, send, now, count, django_assert_num_queries
):
    ones = [open_request() for _ in range(count)]
    with django_assert_num_queries(17):
        send(ones, now)
