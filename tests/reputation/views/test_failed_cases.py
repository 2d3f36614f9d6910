"""What a failed case offers: to ask again, a ticket mailed to support, and to retire the number."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from portal.models import AuditEvent
from reputation.models import Case, DeskReply, DeskRequest, PhoneNumber, Submission
from reputation.numbers import spam_status
from reputation.remediation.next_step import get_next_step
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CaseFactory,
    DeskFactory,
    DeskRequestFactory,
    EngineFactory,
    MemberFactory,
    MonitoredNumberFactory,
    SubmissionFactory,
    TagFactory,
)
from tests.support.desks import create_refused_case
from tests.support.mails import send_mails
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

State = DeskRequest.State
NOTE = {"what_changed": "At most 40 calls a day."}


@pytest.fixture(autouse=True)
def desk_provider(switch_providers):
    switch_providers("handset", "desk")


@pytest.fixture
def case(account, now) -> Case:
    return create_refused_case(account, now)


def post(client, case, action, data=None):
    return client.post(reverse(f"case-{action}", args=[case.pk]), data or {}, follow=True)


def test_page_offers_to_fix_it_and_ask_again(as_admin, as_viewer, case):
    page = get_html(as_admin.get(reverse("case", args=[case.pk])))
    assert "Fix it, and ask again" in page
    assert "Hiya says that" not in page, "the desk may be another"
    page = get_html(as_viewer.get(reverse("case", args=[case.pk])))
    assert "An owner or admin of the account can do it." in page
    assert reverse("case-ask-again", args=[case.pk]) not in page


def test_case_is_open_again_and_the_request_waits_for_its_date(as_admin, case, account, now):
    date = (now + timedelta(days=45)).date()
    page = get_html(post(as_admin, case, "ask-again", NOTE | {"not_before": date.isoformat()}))
    assert "The case is open again." in page
    case.refresh_from_db()
    request = DeskRequest.objects.open().get()
    assert (case.state, request.case, request.what_changed) == (Case.State.OPEN, case, NOTE["what_changed"])
    assert request.not_before.date() == date
    assert "Hiya is not asked again before" in page


def test_pages_say_to_a_viewer_that_others_have_to_act(as_admin, as_viewer, case, now):
    DeskRequest.objects.update(refusal="ownership")
    post(as_admin, case, "ask-again", NOTE)
    spam_status.recompute([case.number_id], now=now)
    for address in (reverse("case", args=[case.pk]), reverse("number", args=[case.number_id]), reverse("overview")):
        sentence = "send the request to Hiya by"
        assert f"Your turn: {sentence}" in get_html(as_admin.get(address)), address
        page = get_html(as_viewer.get(address))
        assert f"Waits for an owner or admin: {sentence}" in page
        assert "Your turn" not in page


def test_request_about_a_label_that_is_gone_is_not_made_again(as_admin, case, now):
    tns = EngineFactory(slug="tns")
    TagFactory(number=case.number, engine=tns, case=case, ended_at=now, end_reason="cleared")
    DeskRequestFactory(
        case=case, engine=tns, desk=DeskFactory(name="TNS", engines=[tns]), state="sent", closed_at=now, sent_at=now
    )
    assert "The case is open again." in get_html(post(as_admin, case, "ask-again", NOTE))
    assert DeskRequest.objects.open().get().desk.name == "Hiya"


def test_note_is_needed_and_what_was_typed_stays(as_admin, case):
    answer = post(as_admin, case, "ask-again", {"what_changed": "", "not_before": "2027-02-30"})
    page = get_html(answer)
    assert answer.status_code == 422
    assert "2027-02-30" in page
    assert not DeskRequest.objects.open().exists()


def test_case_that_is_open_again_is_not_opened_twice(as_admin, case):
    post(as_admin, case, "ask-again", NOTE)
    assert "Nothing was changed." in get_html(post(as_admin, case, "ask-again", NOTE))
    assert DeskRequest.objects.count() == 2


def test_engines_of_providers_are_asked_again_as_well(provider, as_admin, account, now):
    number = MonitoredNumberFactory(account=account)
    case = CaseFactory(account=account, number=number, state="failed", closed_at=now)
    alpha = EngineFactory(slug="alpha")
    TagFactory(number=number, engine=alpha, case=case)
    SubmissionFactory(case=case, engine=alpha, state="refused", reference="A-1", next_action_at=None)
    post(as_admin, case, "ask-again", NOTE)
    submission = Submission.objects.get()
    assert (submission.state, submission.reference, submission.request_count) == ("waiting", "", 2)
    case.refresh_from_db()
    assert case.state == Case.State.OPEN


def test_ticket_is_mailed_once_with_all_that_support_needs(as_admin, admin, case, settings, now):
    settings.SUPPORT_EMAIL = "support@example.com"
    request = DeskRequest.objects.get()
    reply = DeskReply.objects.create(
        account=case.account, text="Too many\nshort calls.", state="refused", received_at=now, recorded_at=now
    )
    reply.requests.add(request)
    assert "Mail it to support@example.com" in get_html(as_admin.get(reverse("case", args=[case.pk])))
    page = get_html(post(as_admin, case, "ticket-mail"))
    assert f"The ticket goes to support@example.com as NR-{case.pk}." in page
    (message,) = send_mails()
    assert (message.to, message.extra_headers["Reply-To"]) == (["support@example.com"], admin.user.email)
    assert message.extra_headers["Auto-Submitted"] == "no"
    for part in (case.number.e164, "Hiya refused.", "- Hiya: refused (because of how", "> Too many", "> short calls."):
        assert part in message.body
    case.refresh_from_db()
    assert case.ticket_reference == f"NR-{case.pk}"
    assert AuditEvent.objects.filter(code="case.ticket", subject_id=case.pk).count() == 1
    assert "has a ticket already" in get_html(post(as_admin, case, "ticket-mail"))
    assert len(send_mails()) == 1


def test_without_an_address_of_support_nothing_is_mailed(as_admin, case, settings):
    settings.SUPPORT_EMAIL = ""
    assert "No address of support" in get_html(post(as_admin, case, "ticket-mail"))
    assert send_mails() == []


def test_without_an_address_of_support_no_page_offers_a_ticket(as_admin, case, settings, now):
    addresses = [
        reverse("case", args=[case.pk]),
        reverse("number", args=[case.number_id]),
        reverse("number-reputation"),
        reverse("overview"),
    ]
    for address in addresses:
        assert "support ticket" in get_html(as_admin.get(address)).lower(), address
    settings.SUPPORT_EMAIL = ""
    for address in addresses:
        page = get_html(as_admin.get(address))
        assert "ticket" not in re.sub("<[^>]*>", "", page).lower(), address
        assert "Ask again" in page, address
    assert get_next_step(case, now).sentence == "The label could not be removed. Ask again."


def test_ticket_that_was_opened_is_shown_without_an_address_of_support(as_admin, case, settings):
    settings.SUPPORT_EMAIL = ""
    Case.objects.update(ticket_reference="48213")
    assert "48213" in get_html(as_admin.get(reverse("case", args=[case.pk])))


def test_retiring_is_offered_after_two_refusals(as_admin, case, now):
    address = reverse("case", args=[case.pk])
    assert "Retire the number" not in get_html(as_admin.get(address))
    assert "Nothing was changed." in get_html(post(as_admin, case, "retire"))
    DeskRequestFactory(case=case, desk=DeskRequest.objects.get().desk, state="refused", closed_at=now)
    page = get_html(as_admin.get(address))
    assert "The removal of its label was refused 2 times." in page
    assert "Retiring is not replacing." in page


def test_retiring_is_offered_after_three_relapses(as_admin, case):
    former = None
    for _ in range(4):
        former = CaseFactory(account=case.account, number=case.number, state="cleared", former=former)
    assert "Its label came back 3 times." in get_html(as_admin.get(reverse("case", args=[case.pk])))


def test_retired_number_is_not_used_any_more(as_admin, case, now):
    number = case.number
    campaign = CampaignFactory(account=case.account, default_number=number)
    PhoneNumber.objects.filter(pk=number.pk).update(campaign=campaign)
    DeskRequestFactory(case=case, desk=DeskRequest.objects.get().desk, state="refused", closed_at=now)
    assert "The number is retired" in get_html(post(as_admin, case, "retire"))
    number.refresh_from_db()
    campaign.refresh_from_db()
    assert (number.capability, number.campaign, campaign.default_number) == ("off", None, None)
    assert number.spam_status == PhoneNumber.SpamStatus.LAST_SEEN
    assert number.removed_at is None
    assert AuditEvent.objects.filter(code="number.retired", subject_id=number.pk).exists()


@pytest.mark.parametrize("action", ["ask-again", "ticket-mail", "retire"])
def test_viewers_may_not_and_other_accounts_find_nothing(as_viewer, client_for, case, action):
    assert post(as_viewer, case, action, NOTE).status_code == 403
    outsider = client_for(MemberFactory(account=AccountFactory()))
    assert post(outsider, case, action, NOTE).status_code == 404
