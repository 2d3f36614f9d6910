"""Cases whose engines people ask: how their requests move them, and what ends the requests."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.audit import Context
from reputation import phone_numbers
from reputation.desks import deadlines, requests
from reputation.models import Case, Desk, DeskRequest, Engine, EngineRole, Submission, Tag
from reputation.monitoring import capability, roles
from reputation.remediation import asking_again, cases, clearing, reopening, sweep
from reputation.remediation.opening import open_cases
from tests.factories import DeskFactory, MonitoredNumberFactory, TagFactory

State = DeskRequest.State


@pytest.fixture
def request_(open_request):
    return open_request()


@pytest.fixture
def failed(request_, send, reply, now):
    """A case that failed because the desk refused."""
    send([request_], now)
    reply([request_], "refused", now + timedelta(days=1), refusal="ownership")
    sweep.advance_due(now + timedelta(days=1))
    return Case.objects.get()


def get_case(at):
    """The case after the sweep at this time."""
    sweep.advance_due(at)
    return Case.objects.get()


def test_case_follows_its_request(request_, send, reply, now):
    assert get_case(now).state == Case.State.OPEN
    send([request_], now + timedelta(hours=1))
    assert get_case(now + timedelta(hours=1)).state == Case.State.SUBMITTED
    reply([request_], "acknowledged", now + timedelta(hours=2))
    assert get_case(now + timedelta(hours=2)).state == Case.State.IN_REVIEW
    reply([request_], "done", now + timedelta(hours=3))
    assert get_case(now + timedelta(hours=3)).state == Case.State.IN_REVIEW


@pytest.mark.parametrize("state", [state for state in State if state not in (State.REFUSED, State.WITHDRAWN)])
def test_case_does_not_fail_while_a_request_is_open(request_, now, state):
    DeskRequest.objects.update(state=state)
    for day in (8, 9, 40):
        assert get_case(now + timedelta(days=day)).is_unfinished


def test_deadline_of_a_case_is_that_of_its_desk(request_, send, now):
    send([request_], now)
    case = get_case(now)
    request_.refresh_from_db()
    assert case.expected_by == case.deadline_at == request_.due_at


def test_case_without_another_request_fails_once_the_desk_refused(failed):
    assert failed.state == Case.State.FAILED
    assert failed.outcome == "Hiya refused because ownership was not shown."


def test_case_fails_once_its_request_is_withdrawn(account, request_, context):
    requests.withdraw(account, [request_.pk], context=context)
    case = get_case(context.now)
    assert (case.state, case.outcome) == (Case.State.FAILED, "The request about the label of Hiya was withdrawn.")


def test_case_is_not_submitted_while_one_request_is_withdrawn_and_the_others_are_to_be_sent(
    account, request_, open_request, send, context, now
):
    """A label of another engine joined the case after the first request was withdrawn. Nobody sent anything."""
    requests.withdraw(account, [request_.pk], context=context)
    tns = Engine.objects.get(slug="tns")
    DeskFactory(engines=[tns])
    other = open_request(request_.number, engine=tns)
    assert other.case == request_.case
    assert get_case(now).state == Case.State.OPEN
    send([other], now)
    assert get_case(now).state == Case.State.SUBMITTED


def test_case_of_an_engine_without_a_desk_fails_and_says_so(account, now):
    number = MonitoredNumberFactory(account=account)
    TagFactory(number=number, engine=Engine.objects.get(slug="tns"))
    open_cases([number.pk], now=now)
    assert get_case(now).outcome == "No desk is known here that reviews labels of TNS."


def test_desk_that_an_operator_adds_gets_the_waiting_cases(request_, now):
    DeskRequest.objects.all().delete()
    sweep.advance_due(now)
    assert DeskRequest.objects.get().number == request_.number


def test_each_desk_gets_one_request_of_a_number(account, hiya, desk, now):
    number = MonitoredNumberFactory(account=account)
    at_t = DeskFactory(kind=Desk.Kind.CARRIER, carrier="AT&T", engines=[hiya])
    for carrier in ("AT&T", "Cricket", ""):
        TagFactory(number=number, engine=hiya, carrier=carrier)
    open_cases([number.pk], now=now)
    assert set(DeskRequest.objects.values_list("desk", flat=True)) == {desk.pk, at_t.pk}
    assert DeskRequest.objects.count() == 2


def test_submission_is_as_far_as_the_desk_that_is_least_far(account, hiya, desk, send, reply, now):
    number = MonitoredNumberFactory(account=account)
    DeskFactory(kind=Desk.Kind.CARRIER, carrier="AT&T", engines=[hiya])
    for carrier in ("AT&T", ""):
        TagFactory(number=number, engine=hiya, carrier=carrier)
    open_cases([number.pk], now=now)
    first, second = DeskRequest.objects.order_by("pk")
    send([first], now)
    assert Submission.objects.get().state == Submission.State.WAITING
    send([second], now)
    assert Submission.objects.get().state == Submission.State.SUBMITTED
    reply([first], "refused", now, refusal="no_reason")
    assert Submission.objects.get().state == Submission.State.SUBMITTED
    reply([second], "refused", now, refusal="no_reason")
    assert Submission.objects.get().state == Submission.State.REFUSED


def test_request_is_closed_once_its_label_is_gone(request_, send, now):
    send([request_], now)
    clearing.end_cleared_tags(list(Tag.objects.values_list("pk", flat=True)), now=now)
    clearing.close_cases_without_tags([request_.number_id], now=now)
    request_.refresh_from_db()
    assert Case.objects.get().state == Case.State.CLEARED
    assert (request_.is_open, request_.state) == (False, State.SENT)


def test_request_that_was_never_sent_is_withdrawn_with_its_case(request_, context):
    cases.cancel([request_.case_id], context=context, reason="Monitoring was switched off.")
    request_.refresh_from_db()
    assert (request_.is_open, request_.state) == (False, State.WITHDRAWN)


def test_relapse_opens_a_request_that_refers_to_the_former(open_request, request_, send, now):
    send([request_], now)
    Tag.objects.update(ended_at=now, end_reason=Tag.EndReason.CLEARED)
    clearing.close_cases_without_tags([request_.number_id], now=now)
    again = open_request(request_.number, at=now + timedelta(days=3))
    assert (again.former, again.state) == (request_, State.TO_SEND)
    assert again.case.former == request_.case


def test_relapse_after_a_refusal_because_of_behaviour_waits_thirty_days(open_request, request_, send, reply, now):
    send([request_], now)
    reply([request_], "refused", now, refusal="behaviour")
    Tag.objects.update(ended_at=now, end_reason=Tag.EndReason.CLEARED)
    clearing.close_cases_without_tags([request_.number_id], now=now)
    again = open_request(request_.number, at=now + timedelta(days=3))
    assert again.not_before == now + timedelta(days=30)


def test_sent_request_goes_on_after_monitoring_was_off(account, request_, send, open_request, context, now):
    """The desk has the request. Nobody sends it twice."""
    send([request_], now)
    capability.disable([request_.number_id], context=context)
    request_.refresh_from_db()
    assert not request_.is_open
    request_.number.refresh_from_db()
    capability.enable([request_.number_id], context=context)
    again = open_request(request_.number, at=now + timedelta(days=1))
    assert again == request_
    assert (again.is_open, again.case.state, again.state) == (True, Case.State.OPEN, State.SENT)
    assert again.case.submissions.get().state == Submission.State.SUBMITTED


def test_another_provider_that_an_operator_chooses_ends_the_requests(request_, now):
    roles.choose_provider(EngineRole.objects.get(engine=request_.engine, role="remediate"), "acme", now=now)
    request_.refresh_from_db()
    assert not request_.is_open


def test_failed_case_opens_again_once_somebody_asks_again(account, failed, now, actor):
    at = now + timedelta(days=2)
    requests.ask_again(account, [DeskRequest.objects.get().pk], context=Context(actor, at))
    assert reopening.reopen_due(at) == 1
    case = Case.objects.get()
    assert (case.state, case.closed_at, case.outcome) == (Case.State.OPEN, None, "")
    assert reopening.reopen_due(at) == 0
    assert get_case(at + timedelta(days=9)).is_unfinished


@pytest.mark.parametrize("stop", [phone_numbers.remove, capability.disable])
def test_failed_case_stays_closed_once_its_number_is_not_monitored(stop, account, failed, context, now):
    requests.ask_again(account, [DeskRequest.objects.get().pk], context=context)
    stop([failed.number_id], context=context)
    assert not DeskRequest.objects.open().exists()
    reopening.reopen_due(now + timedelta(days=2))
    assert Case.objects.get().state == Case.State.FAILED


def test_request_that_was_opened_while_its_number_was_removed_opens_no_case(account, failed, context, now):
    phone_numbers.remove([failed.number_id], context=context)
    late = DeskRequest.objects.get()
    DeskRequest.objects.filter(pk=late.pk).update(state=State.TO_SEND, closed_at=None)
    Case.objects.update(next_action_at=now)
    assert reopening.reopen_due(now) == 1
    assert not DeskRequest.objects.open().exists()
    assert Case.objects.get().state == Case.State.FAILED
    assert reopening.reopen_due(now) == 0


def test_failed_case_is_asked_about_again_on_a_date(failed, now, actor):
    day = date(2026, 12, 10)
    context = Context(actor, now + timedelta(days=2))
    asking_again.ask_again(failed, what_changed="Papers attached.", first_day=day, context=context)
    again = DeskRequest.objects.get(state=State.TO_SEND)
    start = datetime.combine(day, time.min, tzinfo=ZoneInfo(failed.account.time_zone))
    assert (again.not_before, again.what_changed, again.former.state) == (start, "Papers attached.", State.REFUSED)
    assert failed.state == Case.State.OPEN
    with pytest.raises(asking_again.NotAskable, match="open again already"):
        asking_again.ask_again(failed, what_changed="Papers attached.", first_day=day, context=context)


def test_request_asked_again_joins_the_unfinished_case_of_its_number(account, failed, now, actor, open_request):
    """Another engine labelled the number after the case failed."""
    at = now + timedelta(days=2)
    tns = Engine.objects.get(slug="tns")
    DeskFactory(engines=[tns])
    other = open_request(failed.number, engine=tns, at=at)
    asking_again.ask_again(failed, what_changed="", context=Context(actor, at))
    assert set(other.case.desk_requests.open().values_list("engine__slug", flat=True)) == {"hiya", "tns"}
    assert set(other.case.tags.active().values_list("engine__slug", flat=True)) == {"hiya", "tns"}
    assert set(other.case.submissions.values_list("state", flat=True)) == {"waiting"}
    assert failed.state == Case.State.FAILED


def test_silence_is_the_accounts_turn_and_does_not_end_the_case(request_, send, now):
    send([request_], now)
    deadlines.mark_silent_due(now + timedelta(days=10))
    case = get_case(now + timedelta(days=10))
    assert case.is_unfinished
    assert case.submissions.get().state == Submission.State.SUBMITTED


@pytest.mark.parametrize("count", [1, 4])
def test_number_of_queries_of_opening_does_not_depend_on_that_of_the_numbers(
    account, hiya, desk, now, count, django_assert_num_queries
):
    numbers = [MonitoredNumberFactory(account=account) for _ in range(count)]
    for number in numbers:
        TagFactory(number=number, engine=hiya)
    with django_assert_num_queries(31):
        open_cases([number.pk for number in numbers], now=now)
    assert DeskRequest.objects.count() == count
