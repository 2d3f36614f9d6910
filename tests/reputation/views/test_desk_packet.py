"""The packet of the requests that a member holds, and *mark as sent*."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from portal.audit import Context
from portal.models import today_of
from reputation.models import Desk, DeskLetter, DeskRequest, NumberCalls
from tests.enrollment.form_data import create_submitted
from tests.factories import CampaignFactory, MemberFactory, MonitoredNumberFactory, TagFactory
from tests.reputation.views.desk_pages import claim, letter_data, url
from tests.support.desks import create_desk, create_request
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db
State = DeskRequest.State


@pytest.fixture
def held(make_request, admin, now):
    """Return a function that creates a request that the admin holds."""

    def make(**fields) -> DeskRequest:
        request = make_request(**fields)
        claim(request, admin.user, now + timedelta(minutes=30))
        return request

    return make


def test_packet_names_what_is_missing_before_the_numbers(as_admin, desk, held):
    held()
    page = get_html(as_admin.get(url("desk-prepare", desk)))
    assert page.index("Missing<") < page.index("Fields of the form<")
    assert "The enrollment form does not name: legal business name" in page
    assert f'href="{reverse("enrollment-business")}"' in page


def test_packet_is_filled_with_the_forms_address_beside_it(as_admin, desk, held, account, actor, now):
    create_submitted(account, Context(actor, now))
    request = held()
    TagFactory(number=request.number, label="Scam Likely", carrier="AT&T")
    page = get_html(as_admin.get(url("desk-prepare", desk)))
    assert "Missing<" not in page
    assert 'data-copy="Cascade Solar LLC (Cascade Solar)"' in page
    assert f"Phone numbers: {request.number.e164[2:]}" in page
    assert 'href="https://desk.example.com/form" target="_blank" rel="noopener noreferrer"' in page
    assert "Registration first." in page
    assert 'value="dana@cascadesolar.example"' in page


def test_packet_has_only_what_the_member_holds_and_may_send_now(as_admin, desk, held, make_request, account, now):
    mine, free = held(), make_request()
    held(not_before=now + timedelta(days=30))
    theirs = make_request()
    claim(theirs, MemberFactory(account=account).user, now + timedelta(minutes=5))
    chosen = as_admin.get(url("desk-prepare", desk)).context["chosen"]
    assert chosen == [mine]
    assert free.claimed_by is None


def test_without_requests_the_page_leads_to_the_list(as_admin, desk, make_request):
    make_request()
    assert "You hold no requests to send" in get_html(as_admin.get(url("desk-prepare", desk)))


def test_there_is_one_packet_for_each_purpose(as_admin, desk, held, account):
    spring = CampaignFactory(account=account, name="Spring renewals")
    in_campaign = [held(number=MonitoredNumberFactory(account=account, campaign=spring)) for _ in range(2)]
    without = held()
    first = as_admin.get(url("desk-prepare", desk))
    assert "One packet for each purpose" in get_html(first)
    assert first.context["chosen"] == in_campaign
    assert as_admin.get(url("desk-prepare", desk), {"purpose": 0}).context["chosen"] == [without]


def test_t_mobile_gets_one_by_one_the_most_used_first_up_to_the_daily_limit(as_admin, admin, account, now):
    desk = create_desk(slug="t-mobile", name="T-Mobile", form=Desk.Form.ONE_BY_ONE, daily_limit=10)
    requests = [create_request(account, desk, now=now) for _ in range(12)]
    for index, request in enumerate(requests):
        claim(request, admin.user, now + timedelta(minutes=30))
        NumberCalls.objects.create(account=account, number=request.number, day=today_of(account, now), calls=index + 1)
    response = as_admin.get(url("desk-prepare", desk))
    assert response.context["chosen"] == requests[:1:-1]
    page = get_html(response)
    assert "of 12 that you hold; the most used first" in page
    assert f'data-copy="{requests[11].number.e164[2:]}"' in page
    as_admin.post(url("desk-prepare", desk), letter_data(*requests[2:], file_content="", file_name=""))
    assert DeskRequest.objects.filter(state=State.SENT).count() == 10
    assert "Enough for today" in get_html(as_admin.get(url("desk-prepare", desk)))


# Mark as sent


def test_marking_as_sent_keeps_the_exact_text_file_and_people(as_admin, admin, desk, held):
    requests = [held(), held()]
    response = as_admin.post(url("desk-prepare", desk), letter_data(*requests))
    letter = DeskLetter.objects.get()
    assert response.url == reverse("desk-letter", args=[letter.pk])
    assert letter.text == "Please review  these numbers.\nThanks"
    assert (letter.file_name, letter.file_content) == ("numbers.csv", "number,call purpose\r\n2065550143,Sales\r\n")
    assert (letter.reference, letter.mailbox) == ("H-4711", "dana@cascadesolar.example")
    assert (letter.sent_by, letter.attested_by) == (admin.user, "Dana Reyes")
    for request in requests:
        request.refresh_from_db()
        assert (request.state, request.letter) == (State.SENT, letter)
    page = get_html(as_admin.get(response.url))
    assert "2 requests marked as sent." in page
    assert "Please review these numbers." in page
    download = as_admin.get(reverse("desk-letter-file", args=[letter.pk]))
    assert download.content.decode() == letter.file_content
    assert download.headers["Content-Disposition"] == 'attachment; filename="numbers.csv"'


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"text": ""}, "Enter the text as you sent it."),
        ({"mailbox": "nobody"}, "This is not an e-mail address."),
        ({"attested_by": " "}, "Name the person who declares it."),
        ({"declares": None}, "Nothing was stored. Tick this if it is true."),
    ],
)
def test_mistakes_are_shown_at_their_field_and_nothing_typed_is_lost(as_admin, desk, held, changed, expected):
    request = held()
    typed = letter_data(request, text="My own words") | {"reference": "R-99"} | changed
    response = as_admin.post(url("desk-prepare", desk), {name: value for name, value in typed.items() if value})
    page = get_html(response)
    assert response.status_code == 422
    assert expected in page
    assert 'value="R-99"' in page
    assert "My own words" in page or changed == {"text": ""}
    assert not DeskLetter.objects.exists()


def test_a_second_click_changes_nothing_and_says_so(as_admin, desk, held):
    request = held()
    as_admin.post(url("desk-prepare", desk), letter_data(request))
    again = as_admin.post(url("desk-prepare", desk), letter_data(request, text="Sent twice"))
    assert again.status_code == 422
    page = get_html(again)
    assert "This was stored as sent to Hiya already" in page
    assert "Sent twice" in page
    assert DeskLetter.objects.count() == 1


def test_a_request_that_another_took_meanwhile_is_not_sent(as_admin, desk, held, account, now):
    mine, lost = held(), held()
    claim(lost, MemberFactory(account=account, user__name="Ana Ortiz").user, now + timedelta(minutes=30))
    response = as_admin.post(url("desk-prepare", desk), letter_data(mine, lost))
    assert response.status_code == 422
    assert "Ana Ortiz works on" in get_html(response)
    assert not DeskRequest.objects.filter(state=State.SENT).exists()


# Redress for blocks


def write_call(request: DeskRequest, **values: str) -> str:
    call = {"Called number": "+14155550100", "Time": "27 Nov 2026", "Call-ID": "a1@x", "Reason": "SIP;cause=603"}
    lines = [f"{name}: {value}".strip() for name, value in (call | values).items()]
    return "\n".join([f"Caller ID: {request.number.e164}", *lines])


@pytest.fixture
def blocked(held):
    """Two held requests at the desk for blocks."""
    desk = create_desk(slug="blocks", name="Carrier", form=Desk.Form.BLOCK_REDRESS)
    return desk, held(desk=desk), held(desk=desk)


def test_packet_as_the_portal_fills_it_is_not_marked_as_sent(as_admin, blocked):
    desk, first, second = blocked
    text = as_admin.get(url("desk-prepare", desk)).context["form"]["text"].value()
    response = as_admin.post(url("desk-prepare", desk), letter_data(first, second, text=text))
    assert response.status_code == 422
    page = get_html(response)
    assert "Nothing was stored. Carrier cannot find a blocked call without these." in page
    assert f"{first.number}: Called number, Time, Call-ID and Reason" in page
    assert "Leave out" not in page
    assert not DeskLetter.objects.exists()


def test_incomplete_numbers_are_named_and_left_out_on_demand(as_admin, blocked):
    desk, first, second = blocked
    text = f"Please help.\n\n{write_call(first)}\n\n{write_call(second, Reason='')}\n\nThanks"
    data = letter_data(first, second, text=text)
    page = get_html(as_admin.post(url("desk-prepare", desk), data))
    assert f"Missing for {second.number}: Reason." in page
    assert "Leave out the 1 that is incomplete" in page
    response = as_admin.post(url("desk-prepare", desk), data | {"leave_out": "1"})
    form = response.context["form"]
    assert (response.status_code, response.context["chosen"]) == (200, [first])
    assert second.number.e164 not in form["text"].value()
    assert write_call(first) in form["text"].value()
    assert form["reference"].value() == "H-4711"
    assert not DeskLetter.objects.exists()
    as_admin.post(url("desk-prepare", desk), letter_data(first, text=form["text"].value()))
    assert [one.state for one in DeskRequest.objects.order_by("pk")] == [State.SENT, State.TO_SEND]


def test_reason_header_over_several_lines_and_a_number_in_national_format_are_complete(as_admin, blocked):
    desk, first, _second = blocked
    text = write_call(first, Reason="").replace(first.number.e164, str(first.number)) + "\n SIP;cause=603;v=analytics1"
    as_admin.post(url("desk-prepare", desk), letter_data(first, text=text))
    assert DeskRequest.objects.get(state=State.SENT) == first


def test_sending_foreign_requests_is_not_found(as_admin, desk, held, now):
    theirs = MonitoredNumberFactory()
    foreign = create_request(theirs.account, desk, now=now, number=theirs)
    assert as_admin.post(url("desk-prepare", desk), letter_data(held(), foreign)).status_code == 404
    assert not DeskLetter.objects.exists()


def test_a_page_without_ids_stores_nothing(as_admin, desk, held):
    held()
    response = as_admin.post(url("desk-prepare", desk), letter_data(ids=""))
    assert response.status_code == 422
    assert "This page is incomplete, so nothing was stored." in get_html(response)


def test_file_is_downloaded_as_the_page_holds_it(as_admin, desk, held):
    held()
    response = as_admin.post(url("desk-file", desk), {"file_name": 'a"b/../c.csv', "file_content": "number\r\n1\r\n"})
    assert response.content == b"number\r\n1\r\n"
    assert response.headers["Content-Disposition"] == 'attachment; filename="ab..c.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("count", [1, 30])
def test_queries_do_not_grow_with_the_packet(as_admin, desk, held, count, django_assert_num_queries):
    requests = [held() for _ in range(count)]
    as_admin.get(url("desk-prepare", desk))
    with django_assert_num_queries(PREPARE_QUERIES):
        as_admin.get(url("desk-prepare", desk))
    as_admin.post(url("desk-prepare", desk), letter_data(*requests))
    letter = DeskLetter.objects.get()
    as_admin.get(reverse("desk-letter", args=[letter.pk]))
    with django_assert_num_queries(LETTER_QUERIES):
        as_admin.get(reverse("desk-letter", args=[letter.pk]))


PREPARE_QUERIES = 18
LETTER_QUERIES = 9


def test_letters_of_other_accounts_are_not_found(as_admin, desk, now):
    theirs = MonitoredNumberFactory()
    letter = DeskLetter.objects.create(account=theirs.account, desk=desk, text="x", attested_by="x", sent_at=now)
    assert as_admin.get(reverse("desk-letter", args=[letter.pk])).status_code == 404
