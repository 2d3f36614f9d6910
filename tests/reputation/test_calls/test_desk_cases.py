"""With the default providers: from a label on a telephone to the closed case, by test calls and a desk alone."""

from datetime import timedelta

import pytest

from portal.audit import Context
from reputation.desks import letters, replies
from reputation.models import Case, DeskRequest, PhoneNumber, TestCall
from reputation.monitoring import capability
from reputation.remediation import sweep
from reputation.remediation.next_step import get_next_step
from reputation.test_calls import reports, rounds
from reputation.test_calls.ordering import choose_numbers
from tests.factories import CampaignFactory, DeskFactory, PhoneNumberFactory

State = DeskRequest.State
Status = PhoneNumber.SpamStatus


@pytest.fixture(autouse=True)
def default_providers(handset, switch_providers):
    switch_providers("complaints", "fcc", "handset", "desk")


@pytest.fixture
def desk():
    return DeskFactory(slug="t-mobile", name="T-Mobile", kind="carrier", carrier="T-Mobile")


@pytest.fixture
def number(account, actor, now):
    """Enabled, which nobody has to confirm."""
    number = PhoneNumberFactory(account=account)
    capability.enable([number.pk], context=Context(actor, now))
    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.ON
    return number


def send(request, at, actor):
    draft = letters.LetterDraft(request.desk_id, "Please review this number.", "Ada Bright")
    letters.send(request.account, [request.pk], draft, context=Context(actor, at))


def say_done(request, at, actor):
    context = Context(actor, at)
    replies.record_reply(request.account, [request.pk], state="done", text="Removed.", received_at=at, context=context)


def test_label_on_a_telephone_is_reviewed_by_a_desk_and_two_calls_close_the_case(
    account, number, telephone, desk, call, now, actor
):
    call(number, telephone, "Scam Likely", now)
    assert number.spam_status == Status.TAGGED
    request = DeskRequest.objects.get()
    assert (request.desk, request.engine.slug, request.state) == (desk, "first-orion", State.TO_SEND)
    send(request, now, actor)
    sweep.advance_due(now)
    number.refresh_from_db()
    assert number.spam_status == Status.IN_REMEDIATION
    say_done(request, now + timedelta(days=3), actor)
    call(number, telephone, "no_label", now + timedelta(days=3, hours=1))
    assert Case.objects.get().is_unfinished
    call(number, telephone, "no_label", now + timedelta(days=4, hours=2))
    case = Case.objects.get()
    request.refresh_from_db()
    assert (case.state, request.is_open, number.is_tagged) == (Case.State.CLEARED, False, False)


def test_confirmed_report_opens_a_request_as_well(account, number, desk, now, actor):
    context = Context(actor, now)
    report = reports.add_report(number, "Scam Likely", carrier="T-Mobile", context=context)
    assert not DeskRequest.objects.exists()
    reports.confirm_report(report, context=context)
    assert DeskRequest.objects.get().desk == desk


def test_label_of_an_unknown_network_goes_to_a_desk_once_a_report_names_its_network(account, number, desk, now, actor):
    context = Context(actor, now)
    reports.confirm_report(reports.add_report(number, "Scam Likely", context=context), context=context)
    sweep.advance_due(now)
    case = Case.objects.get()
    assert case.is_unfinished
    assert not DeskRequest.objects.exists()
    assert "find out which network shows the label" in get_next_step(case, now).sentence
    again = reports.add_report(number, "Scam Likely", carrier="T-Mobile", context=context)
    reports.confirm_report(again, context=context)
    assert (DeskRequest.objects.get().desk, DeskRequest.objects.get().case) == (desk, case)


def test_case_without_a_network_fails_after_its_time_and_says_why(account, number, now, actor):
    context = Context(actor, now)
    reports.confirm_report(reports.add_report(number, "Scam Likely", context=context), context=context)
    sweep.advance_due(Case.objects.get().deadline_at)
    assert Case.objects.get().outcome == "The network that shows the label is not known, so no desk could be asked."


def test_number_that_a_desk_says_is_done_comes_first_in_the_next_round(
    account, number, telephone, desk, call, now, actor
):
    default = PhoneNumberFactory(account=account)
    CampaignFactory(account=account, default_number=default)
    call(number, telephone, "Scam Likely", now)
    request = DeskRequest.objects.get()
    send(request, now, actor)
    later = now + timedelta(days=2)
    assert number.pk not in [choice.number_id for choice in choose_numbers(account, [telephone], 10, later)]
    say_done(request, later, actor)
    made = rounds.create_round(account, 30, context=Context(actor, later))
    first = TestCall.objects.filter(round=made).order_by("position").first()
    assert (first.number, first.reason) == (number, TestCall.Reason.PROOF)


def test_label_that_returns_opens_a_case_and_a_request_that_refer_to_the_former(
    account, number, telephone, desk, call, now, actor
):
    call(number, telephone, "Scam Likely", now)
    send(DeskRequest.objects.get(), now, actor)
    call(number, telephone, "no_label", now + timedelta(days=5))
    call(number, telephone, "no_label", now + timedelta(days=6, hours=1))
    for day in (3, 7, 14):
        at = now + timedelta(days=6 + day, hours=2)
        (choice,) = choose_numbers(account, [telephone], 10, at)
        assert (choice.number_id, choice.reason) == (number.pk, TestCall.Reason.PROOF)
        call(number, telephone, "Scam Likely" if day == 14 else "no_label", at)
    assert number.spam_status == Status.TAGGED_AGAIN
    former, again = DeskRequest.objects.order_by("pk")
    assert (again.former, again.case.former) == (former, former.case)
