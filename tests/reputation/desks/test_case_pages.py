"""What pages say of a case whose engines people ask: who asks now, and that nobody does."""

from datetime import timedelta

import pytest
from django.urls import reverse

from reputation.desks import requests
from reputation.models import Engine
from reputation.remediation import sweep
from tests.factories import DeskFactory, EngineFactory, SubmissionFactory, TagFactory
from tests.support.pages import get_html

AUTOMATIC = "This is automatic: there is nothing for you to do."
NOBODY = "Nobody asks for it now."


@pytest.fixture
def request_(open_request):
    return open_request()


@pytest.fixture
def get_case_page(as_viewer):
    return lambda request: get_html(as_viewer.get(reverse("case", args=[request.case_id])))


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
