"""Replies of desks, answers, asking again, withdrawing, and the page of a request with its history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from reputation.models import DeskLetter, DeskReply, DeskRequest
from tests.factories import MemberFactory, MonitoredNumberFactory, TagFactory
from tests.reputation.views.desk_pages import claim, letter_data, url
from tests.support.desks import create_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db
State = DeskRequest.State


@pytest.fixture
def sent(make_request, now):
    def make(**fields) -> DeskRequest:
        return make_request(**{"state": State.SENT, "sent_at": now - timedelta(days=3)} | fields)

    return make


def reply_data(*requests: DeskRequest, **changed: str) -> dict[str, str]:
    data = {
        "ids": ",".join(str(request.pk) for request in requests),
        "confirmed": "1",
        "text": "  Dear customer,\r\n\r\nwe looked at  it.",
        "received_at": (timezone.now() - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M"),
        "state": "acknowledged",
    }
    return data | changed


def test_form_of_a_reply_lists_the_selected_requests(as_admin, desk, sent):
    requests = [sent(), sent()]
    page = get_html(as_admin.post(url("desk-reply", desk), {"request": [one.pk for one in requests]}))
    assert "2 requests<" in page
    assert all(str(one.number) in page for one in requests)
    assert f'value="{requests[0].pk},{requests[1].pk}"' in page
    assert "only a test call or a look-up closes the case" in page


def test_reply_is_kept_word_by_word_for_many_at_once(as_admin, admin, desk, sent):
    requests = [sent(), sent(), sent()]
    response = as_admin.post(url("desk-reply", desk), reply_data(*requests), follow=True)
    assert "The reply is kept with 3 requests." in get_html(response)
    reply = DeskReply.objects.get()
    assert reply.text == "  Dear customer,\n\nwe looked at  it."
    assert reply.recorded_by == admin.user
    assert set(reply.requests.all()) == set(requests)
    assert set(DeskRequest.objects.values_list("state", flat=True)) == {State.ACKNOWLEDGED}


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"state": "done"}, State.DONE),
        ({"state": "question", "due_on": "2030-01-15"}, State.QUESTION),
        ({"state": "refused", "refusal": "ownership"}, State.REFUSED),
    ],
)
def test_reply_sets_the_state_that_was_read_from_it(as_admin, desk, sent, account, changed, state):
    request = sent()
    as_admin.post(url("desk-reply", desk), reply_data(request, **changed))
    request.refresh_from_db()
    assert request.state == state
    if state == State.QUESTION:
        with timezone.override(account.time_zone):
            assert timezone.localtime(request.due_at).date().isoformat() == "2030-01-15"
    if state == State.REFUSED:
        assert request.refusal == "ownership"


def test_desk_says_done_is_shown_as_a_claim_and_the_case_goes_on(as_admin, desk, sent):
    request = sent()
    page = get_html(as_admin.post(url("desk-reply", desk), reply_data(request, state="done"), follow=True))
    assert "The desk says done: a claim. Only a test call or a look-up proves that the label is gone." in page
    assert request.case.is_unfinished


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"text": ""}, "Enter the desk&#x27;s words exactly as they came."),
        ({"state": ""}, "Choose what the reply says."),
        ({"state": "refused"}, "Choose why the desk refuses."),
        ({"state": "done", "refusal": "behaviour"}, "You chose a reply that is no refusal."),
        ({"received_at": "2099-01-01T10:00"}, "This is in the future."),
        ({"received_at": "yesterday"}, "Write date and time as 2026-11-27 14:30."),
        ({"state": "question", "due_on": "soon"}, "Write the date as 2026-11-30."),
    ],
)
def test_mistakes_in_a_reply_are_shown_at_the_field_and_the_text_is_kept(as_admin, desk, sent, changed, expected):
    request = sent()
    response = as_admin.post(url("desk-reply", desk), reply_data(request, **changed))
    page = get_html(response)
    assert response.status_code == 422
    assert expected in page
    assert "Dear customer," in page or changed == {"text": ""}
    assert not DeskReply.objects.exists()


def test_reply_to_a_request_that_was_not_sent_is_refused_in_words(as_admin, desk, make_request):
    response = as_admin.post(url("desk-reply", desk), reply_data(make_request()))
    assert response.status_code == 422
    assert "was not sent to Hiya yet" in get_html(response)


@pytest.mark.parametrize("name", ["desk-reply", "desk-answer", "desk-ask-again", "desk-withdraw"])
def test_nothing_selected_is_said_beside_the_list(as_admin, desk, make_request, name):
    make_request()
    response = as_admin.post(url(name, desk), {"group": "turn"})
    assert response.status_code == 422
    assert "Nothing is selected, and nothing was changed. Tick the requests first." in get_html(response)


def test_all_of_a_list_are_selected_also_those_on_other_pages(as_admin, desk, sent, make_request):
    requests = [sent() for _ in range(55)]
    make_request()
    response = as_admin.post(url("desk-reply", desk), {"all": "waiting", "group": "waiting"})
    assert len(response.context["requests"]) == 55
    as_admin.post(url("desk-reply", desk), reply_data(*requests))
    assert DeskRequest.objects.filter(state=State.ACKNOWLEDGED).count() == 55


def test_question_is_answered_with_the_text_as_it_was_sent(as_admin, desk, sent):
    request = sent()
    as_admin.post(url("desk-reply", desk), reply_data(request, state="question", text="Whose numbers?"))
    page = get_html(as_admin.post(url("desk-answer", desk), {"request": request.pk}))
    assert "Whose numbers?" in page
    response = as_admin.post(
        url("desk-answer", desk), letter_data(request, text="Ours.", file_content="") | {"confirmed": "1"}, follow=True
    )
    assert "The answer is kept with 1 request." in get_html(response)
    assert DeskLetter.objects.get().text == "Ours."
    request.refresh_from_db()
    assert request.state == State.ACKNOWLEDGED


def test_refused_request_is_asked_again_on_a_date_with_what_changed(as_admin, desk, sent, now):
    request = sent()
    TagFactory(number=request.number, engine=request.engine)
    as_admin.post(url("desk-reply", desk), reply_data(request, state="refused", refusal="behaviour"))
    without = as_admin.post(url("desk-ask-again", desk), {"ids": request.pk, "confirmed": "1"})
    assert without.status_code == 422
    assert "Say what changed." in get_html(without)
    day = (now + timedelta(days=60)).date()
    response = as_admin.post(
        url("desk-ask-again", desk),
        {"ids": request.pk, "confirmed": "1", "what_changed": "Half the calls.", "not_before": day.isoformat()},
        follow=True,
    )
    assert "1 request to be sent again." in get_html(response)
    later = DeskRequest.objects.get(former=request)
    assert later.what_changed == "Half the calls."
    assert later.not_before >= now + timedelta(days=59)


def test_forms_name_the_days_that_the_operator_set(as_admin, desk, sent, settings):
    settings.DESKS = replace(settings.DESKS, send_days=3, behaviour_wait_days=45)
    request = sent()
    reply = get_html(as_admin.post(url("desk-reply", desk), {"request": request.pk}))
    assert "Without one, you have 3 business days." in reply
    again = get_html(as_admin.post(url("desk-ask-again", desk), {"request": request.pk}))
    assert "After a refusal because of use, 45 days later at the earliest." in again


def test_requests_are_withdrawn_once(as_admin, desk, make_request):
    request = make_request()
    ask = get_html(as_admin.post(url("desk-withdraw", desk), {"request": request.pk}))
    assert "Withdraw 1 request<" in ask
    confirm = {"ids": request.pk, "confirmed": "1"}
    assert "1 request withdrawn." in get_html(as_admin.post(url("desk-withdraw", desk), confirm, follow=True))
    again = as_admin.post(url("desk-withdraw", desk), confirm)
    assert again.status_code == 422
    assert "These requests have ended already. Nothing was changed." in get_html(again)


def test_what_somebody_else_works_on_is_not_withdrawn(as_admin, desk, make_request, account, now):
    request = make_request()
    claim(request, MemberFactory(account=account, user__name="Ana Ortiz").user, now + timedelta(minutes=30))
    response = as_admin.post(url("desk-withdraw", desk), {"ids": request.pk, "confirmed": "1"})
    assert response.status_code == 422
    assert "Ana Ortiz works on" in get_html(response)
    request.refresh_from_db()
    assert request.state == State.TO_SEND


# The page of a request


def test_page_of_a_request_has_its_letters_and_replies_newest_first(as_admin, as_viewer, desk, make_request):
    request = make_request()
    as_admin.post(url("desk-prepare", desk), letter_data(request))
    as_admin.post(url("desk-reply", desk), reply_data(request, text="We\nread it."))
    # Noted to the minute, so before the second in which the letter was sent.
    DeskReply.objects.update(received_at=DeskLetter.objects.get().sent_at.replace(second=0, microsecond=0))
    page = get_html(as_viewer.get(reverse("desk-request", args=[request.pk])))
    assert page.index("Hiya replied") < page.index("See what was sent")
    assert "Reference H-4711." in page
    assert "Answers to dana@cascadesolar.example." in page
    assert "Declared by Dana Reyes." in page
    assert "We read it." in page
    assert "Waiting for Hiya until" in page


def test_page_of_a_later_request_shows_what_was_sent_before(as_admin, desk, make_request, now):
    former = make_request(state=State.REFUSED, refusal="no_reason", closed_at=now, sent_at=now)
    reply = DeskReply.objects.create(
        account=former.account, text="No.", state="refused", received_at=now, recorded_at=now
    )
    reply.requests.add(former)
    later = make_request(number=former.number, former=former)
    page = get_html(as_admin.get(reverse("desk-request", args=[later.pk])))
    assert "No." in page
    assert reverse("desk-request", args=[former.pk]) in page
    assert reverse("desk-request", args=[later.pk]) in get_html(as_admin.get(reverse("desk-request", args=[former.pk])))


def test_viewer_sees_the_request_without_buttons(as_viewer, make_request):
    page = get_html(as_viewer.get(reverse("desk-request", args=[make_request().pk])))
    assert "formaction" not in page


def test_requests_of_other_accounts_are_not_found(as_admin, desk, now):
    theirs = MonitoredNumberFactory()
    foreign = create_request(theirs.account, desk, now=now, number=theirs)
    assert as_admin.get(reverse("desk-request", args=[foreign.pk])).status_code == 404
