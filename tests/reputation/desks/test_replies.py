"""Replies: kept verbatim, and what follows from them."""

from datetime import timedelta

import pytest

from reputation.desks import letters, replies
from reputation.desks.history import get_history
from reputation.models import Case, DeskReply, DeskRequest, Submission, Tag
from tests.factories import AccountFactory

State = DeskRequest.State


@pytest.fixture
def sent(open_request, send, now):
    request = open_request()
    send([request], now)
    return request


def test_reply_is_kept_verbatim_for_all_its_requests(open_request, send, reply, now, actor):
    ones = [open_request(), open_request()]
    send(ones, now)
    stored = reply(ones, "acknowledged", now + timedelta(hours=1), text="Ticket  #4711\n-- Hiya ")
    stored.refresh_from_db()
    assert (stored.text, stored.recorded_by) == ("Ticket  #4711\n-- Hiya ", actor.user)
    assert list(stored.requests.order_by("pk")) == ones


@pytest.mark.parametrize(
    ("state", "submission_state"),
    [
        ("acknowledged", Submission.State.IN_REVIEW),
        ("question", Submission.State.IN_REVIEW),
        ("done", Submission.State.DONE),
        ("refused", Submission.State.REFUSED),
    ],
)
def test_submission_follows_the_reply(sent, reply, now, state, submission_state):
    reply([sent], state, now + timedelta(days=1), refusal="no_reason")
    assert Submission.objects.get().state == submission_state
    assert Case.objects.get().next_action_at == now + timedelta(days=1)


def test_done_is_a_claim_that_ends_neither_label_nor_case(sent, reply, now):
    reply([sent], "done", now + timedelta(days=1))
    sent.refresh_from_db()
    assert (sent.state, sent.is_open, sent.due_at) == (State.DONE, True, None)
    assert Tag.objects.active().exists()
    assert Case.objects.get().is_unfinished


def test_question_is_due_on_the_date_of_the_desk(sent, reply, now):
    date = now + timedelta(days=5)
    reply([sent], "question", now + timedelta(days=1), due_at=date)
    sent.refresh_from_db()
    assert (sent.state, sent.due_at) == (State.QUESTION, date)


def test_question_without_a_date_is_due_in_two_business_days(sent, reply, now):
    reply([sent], "question", now + timedelta(days=1))  # on Wednesday
    sent.refresh_from_db()
    assert sent.due_at.date() == (now + timedelta(days=4)).date()  # Friday evening in New York, Saturday in UTC


def test_answer_to_a_question_is_kept_and_the_desk_has_its_days_again(account, sent, reply, now, context):
    question = reply([sent], "question", now)
    draft = letters.LetterDraft(sent.desk_id, "We call customers.", "Ada Bright")
    (letter,) = letters.answer(account, [sent.pk], draft, context=context)
    sent.refresh_from_db()
    assert letter.answers == question
    assert sent.state == State.ACKNOWLEDGED
    assert sent.due_at.date() == (now + timedelta(days=10)).date()
    with pytest.raises(letters.NotSendable, match="asks nothing"):
        letters.answer(account, [sent.pk], draft, context=context)


def test_one_answer_to_several_questions_is_kept_with_each_request(account, open_request, send, reply, now, context):
    requests = [open_request() for _ in range(3)]
    send(requests, now)
    reply([requests[0]], "question", now, text="An older question.")
    questions = [
        reply(requests[:2], "question", now, text="Who do you call?"),
        reply(requests[2:], "question", now, text="How often do you call?"),
    ]
    draft = letters.LetterDraft(requests[0].desk_id, "We call customers, once a week.", "Ada Bright")
    stored = letters.answer(account, [request.pk for request in requests], draft, context=context)
    assert [letter.answers for letter in stored] == questions
    for request in requests:
        answers = [entry.letter for entry in get_history(request) if entry.letter and entry.letter.answers_id]
        assert [letter.text for letter in answers] == [draft.text]


def test_refusal_closes_the_request_and_says_why(sent, reply, now):
    reply([sent], "refused", now + timedelta(days=1), refusal="ownership")
    sent.refresh_from_db()
    assert (sent.state, sent.refusal, sent.is_open) == (State.REFUSED, "ownership", False)
    assert Submission.objects.get().reason == "Hiya refused because ownership was not shown."


def test_reply_after_the_end_is_kept_and_changes_nothing(sent, reply, now):
    reply([sent], "refused", now, refusal="ownership")
    reply([sent], "done", now + timedelta(days=1))
    sent.refresh_from_db()
    assert sent.state == State.REFUSED
    assert DeskReply.objects.filter(requests=sent).count() == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "sent"}, "Choose what the reply says"),
        ({"state": "refused"}, "Choose why the desk refused"),
        ({"text": " "}, "exactly as they came"),
        ({"received_at": timedelta(days=9)}, "in the future"),
    ],
)
def test_wrong_reply_changes_nothing(account, sent, context, now, fields, message):
    fields = {"state": "done", "text": "Done.", "received_at": timedelta()} | fields
    received_at = now + fields.pop("received_at")
    with pytest.raises(replies.ReplyRefused, match=message):
        replies.record_reply(account, [sent.pk], received_at=received_at, context=context, **fields)
    assert not DeskReply.objects.exists()


def test_reply_needs_requests_of_the_account_that_were_sent(account, open_request, context, now):
    request = open_request()
    reply = {"state": "done", "text": "Done.", "received_at": now, "context": context}
    with pytest.raises(replies.ReplyRefused, match="was not sent"):
        replies.record_reply(account, [request.pk], **reply)
    with pytest.raises(replies.ReplyRefused, match="do not exist"):
        replies.record_reply(AccountFactory(), [request.pk], **reply)


@pytest.mark.parametrize("count", [1, 4])
def test_number_of_queries_does_not_depend_on_that_of_the_requests(
    open_request, send, reply, now, count, django_assert_num_queries
):
    ones = [open_request() for _ in range(count)]
    send(ones, now)
    with django_assert_num_queries(17):
        reply(ones, "acknowledged", now)
