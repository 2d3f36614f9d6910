"""What pages say of a case whose engines people ask: who asks now, and that nobody does."""

from datetime import timedelta

import pytest
from django.urls import reverse

from reputation.desks import requests
from reputation.models import DeskRequest, Engine, PhoneNumber, Tag
from reputation.number_table.alerts import build_rows
from reputation.numbers import spam_status
from reputation.remediation import clearing, opening, sweep
from tests.factories import (
    CampaignFactory,
    DeskFactory,
    EngineFactory,
    MonitoredNumberFactory,
    SubmissionFactory,
    TagFactory,
)
from tests.support.pages import get_html

AUTOMATIC = "This is automatic: there is nothing for you to do."
NOBODY = "Nobody asks for it now."


@pytest.fixture
def request_(open_request):
    return open_request()


@pytest.fixture
def get_case_page(as_admin):
    return lambda request: get_html(as_admin.get(reverse("case", args=[request.case_id])))


def test_page_says_that_your_own_people_ask(get_case_page, request_):
    page = get_case_page(request_)
    assert "Your own people ask desks for it" in page
    assert AUTOMATIC not in page
    assert NOBODY not in page


def test_page_says_that_nobody_asks_after_the_desk_refused(get_case_page, request_, send, reply, now):
    send([request_], now)
    reply([request_], "refused", now, refusal="no_reason")
    page = get_case_page(request_)
    assert NOBODY in page
    assert AUTOMATIC not in page
    assert "The label of Hiya stays, since the request was refused." in page
    assert "Given up" not in page


def test_page_says_that_nobody_asks_after_the_request_was_withdrawn(account, get_case_page, request_, context):
    requests.withdraw(account, [request_.pk], context=context)
    page = get_case_page(request_)
    assert NOBODY in page
    assert AUTOMATIC not in page
    assert "The request about the label of Hiya was withdrawn. Nobody asks to remove it." in page
    assert "engines are asked" not in page


def test_page_tells_which_label_nobody_asks_about_beside_the_open_request(
    account, get_case_page, request_, open_request, context
):
    requests.withdraw(account, [request_.pk], context=context)
    tns = Engine.objects.get(slug="tns")
    DeskFactory(name="TNS", engines=[tns])
    page = get_case_page(open_request(request_.number, engine=tns))
    assert "Your turn: send the request to TNS by 3 Dec. The request about the label of Hiya was withdrawn." in page


def test_page_of_what_a_provider_asks_in_part_calls_it_not_automatic(account, get_case_page, request_, context):
    TagFactory(number=request_.number, engine=(alpha := EngineFactory(slug="alpha")), case=request_.case)
    SubmissionFactory(case=request_.case, engine=alpha, state="in_review")
    requests.withdraw(account, [request_.pk], context=context)
    page = get_case_page(request_)
    assert "A provider asks for a part of it." in page
    assert AUTOMATIC not in page


def test_page_of_a_case_that_failed_says_what_to_do(account, get_case_page, request_, context):
    requests.withdraw(account, [request_.pk], context=context)
    sweep.advance_due(context.now + timedelta(minutes=1))
    page = get_case_page(request_)
    assert NOBODY not in page
    assert "Fix it, and ask again" in page


def test_pages_say_when_it_is_asked_again_after_a_refusal_because_of_use(
    as_admin, get_case_page, request_, send, reply, now
):
    send([request_], now)
    reply([request_], "refused", now, refusal="behaviour")
    sweep.advance_due(now)
    earliest = now + timedelta(days=30)
    with_date = f"the request is sent on {earliest.day} {earliest:%b} at the earliest."
    assert with_date in get_case_page(request_)
    for name, of in (("desk-request", request_.pk), ("desk", request_.desk_id)):
        page = get_html(as_admin.get(reverse(name, args=[of]), {"group": "refused"}))
        assert with_date in page
        assert "The desk refused. Fix what led to it, then ask again." not in page


def test_due_dates_of_a_case_have_one_format(get_case_page, request_):
    page = get_case_page(request_)
    assert "Your turn: send the request to Hiya by 3 Dec." in page
    assert page.count("by 3 Dec") == 3
    assert "within" not in page


# The state of remediation beside *Tagged*


@pytest.fixture
def get_label(now):
    """Return a function that returns the row of the request's number, as pages show it."""

    def get(request, at=now):
        spam_status.recompute([request.number_id], now=at)
        (row,) = build_rows([PhoneNumber.objects.get(pk=request.number_id)], at)
        return row.remediation_label.word

    return get


def test_label_says_your_turn_until_somebody_sends(get_label, request_, send, now):
    assert get_label(request_) == "Your turn"
    send([request_], now)
    sweep.advance_due(now)
    assert get_label(request_) == "In remediation"


def test_label_says_from_when_the_desk_is_asked_again(get_label, request_, now):
    DeskRequest.objects.update(not_before=now + timedelta(days=30))
    assert get_label(request_) == "To be sent from 31 Dec"


def test_label_of_a_relapse_says_whose_turn_it_is(get_label, open_request, request_, now):
    Tag.objects.update(ended_at=now, end_reason=Tag.EndReason.CLEARED)
    clearing.close_cases_without_tags([request_.number_id], now=now)
    assert get_label(open_request(request_.number)) == "Came back, your turn"


def test_label_says_that_nobody_asks_until_the_case_fails(account, get_label, as_admin, request_, context, now):
    requests.withdraw(account, [request_.pk], context=context)
    assert get_label(request_) == "Nobody asks now"
    page = get_html(as_admin.get(reverse("number", args=[request_.number_id])))
    assert "Nobody asks to remove the label now." in page
    assert "has started automatically" not in page
    sweep.advance_due(now)
    assert get_label(request_) == "Remediation failed"


def test_label_of_what_a_provider_asks_says_that_remediation_starts(get_label, request_):
    DeskRequest.objects.all().delete()
    TagFactory(number=request_.number, engine=EngineFactory(slug="alpha"), case=request_.case)
    assert get_label(request_) == "Remediation starts"


def test_pages_ask_for_the_network_of_a_label_of_an_unknown_engine(account, as_admin, now):
    number = MonitoredNumberFactory(account=account)
    TagFactory(number=number, engine=Engine.objects.get(slug="unknown"))
    opening.open_cases([number.pk], now=now)
    case = number.cases.get()
    spam_status.recompute([number.pk], now=now)
    page = get_html(as_admin.get(reverse("case", args=[case.pk])))
    assert "Which network shows the label?" in page
    assert "it removes no label" in page
    assert "Your turn</span>" in page
    assert NOBODY in page
    number_page = get_html(as_admin.get(reverse("number", args=[number.pk])))
    assert "Make a test call on each network, or report the label again with its network." in number_page
    assert "Free Caller Registry" not in page + number_page


@pytest.mark.parametrize("name", ["number", "case", "campaign", "number-reputation"])
def test_each_page_shows_whose_turn_it_is_beside_tagged(account, as_admin, get_label, request_, name):
    campaign = CampaignFactory(account=account, default_number=request_.number)
    PhoneNumber.objects.update(campaign=campaign)
    get_label(request_)
    of = {"number": [request_.number_id], "case": [request_.case_id], "campaign": [campaign.pk]}
    page = get_html(as_admin.get(reverse(name, args=of.get(name))))
    assert "Your turn</span>" in page
    assert "Remediation starts" not in page


def test_label_says_to_a_viewer_that_others_have_to_act(as_viewer, request_, now):
    spam_status.recompute([request_.number_id], now=now)
    for name, of in (("number", request_.number_id), ("case", request_.case_id)):
        page = get_html(as_viewer.get(reverse(name, args=[of])))
        assert "Waits for an admin</span>" in page
        assert "Your turn" not in page
