"""Remediation: it starts by itself, is submitted, polled, disputed, cleared or failed in time, or cancelled."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import Case, PhoneNumber, Submission, Tag
from reputation.monitoring import capability, lookups
from reputation.numbers import spam_status
from reputation.providers.protocol import ProviderRefused, ProviderUnavailable, Stage, Wait
from reputation.remediation import cases as remediation
from reputation.remediation import next_step, sweep
from reputation.service_clock import days
from tests.factories import CaseFactory, EngineFactory, MonitoredNumberFactory, SubmissionFactory, TagFactory

pytestmark = pytest.mark.django_db

State = Case.State


@pytest.fixture
def tagged_number(provider, account, now):
    """A monitored number that Alpha labels, as the look-up of this moment found it."""
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)
    return number


def latest_case(number):
    return Case.objects.filter(number=number).latest("pk")


def advance_cases(provider, now, stage=None, **answer):
    """Lets the engines answer their polls so, and advances what is due."""
    if stage:
        provider.answers["poll"] = {"stage": stage, **answer}
    return sweep.advance_due(now)


# The lifecycle --------------------------------------------------------------------------------------------------------

TRANSITION_CALLS = {
    State.SUBMITTED: remediation.mark_submitted,
    State.IN_REVIEW: remediation.mark_in_review,
    State.DISPUTED: remediation.mark_disputed,
    State.CLEARED: remediation.clear,
    State.FAILED: lambda ids, now: remediation.fail(ids, now=now, reason="It stays."),
    State.CANCELLED: lambda ids, now: remediation.cancel(
        list(Case.objects.filter(pk__in=ids).values_list("number_id", flat=True)),
        context=Context.system(now),
        reason="Off.",
    ),
}


@pytest.mark.parametrize("to", TRANSITION_CALLS)
@pytest.mark.parametrize("state", State.values)
def test_a_case_moves_only_as_the_table_of_transitions_says(account, now, state, to):
    case = CaseFactory(account=account, number__account=account, state=state)
    allowed = state in remediation.TRANSITIONS[to]
    moved = TRANSITION_CALLS[to]([case.pk], now=now)
    case.refresh_from_db()
    assert moved == ([case.pk] if allowed else [])
    assert case.state == (to if allowed else state)
    events = AuditEvent.objects.filter(what=f"case.{to}", subject_id=case.pk, before=state, after=to)
    assert events.count() == int(allowed)


def test_no_state_is_left_out_of_the_table_of_transitions():
    reachable = set(remediation.TRANSITIONS) | {State.OPEN}
    assert reachable == set(State)
    left = {state for froms in remediation.TRANSITIONS.values() for state in froms}
    assert left == set(Case.UNFINISHED)


@pytest.mark.parametrize("to", TRANSITION_CALLS)
def test_a_move_asked_for_twice_is_made_once(account, now, to):
    case = CaseFactory(number__account=account, account=account, state=remediation.TRANSITIONS[to][0])
    assert TRANSITION_CALLS[to]([case.pk], now=now) == [case.pk]
    assert TRANSITION_CALLS[to]([case.pk], now=now) == []
    assert AuditEvent.objects.filter(subject="case").count() == 1


def test_a_closed_case_has_nothing_to_do_any_more(account, now):
    case = CaseFactory(number__account=account, account=account, state=State.IN_REVIEW)
    remediation.fail([case.pk], now=now, reason="It stays.")
    case.refresh_from_db()
    assert (case.next_action_at, case.closed_at, case.outcome) == (None, now, "It stays.")


# The course -----------------------------------------------------------------------------------------------------------


def test_row_13_remediation_starts_by_itself_when_a_tag_is_detected(tagged_number, provider, now):
    """The specification: no manual action from the customer is required."""
    assert latest_case(tagged_number).state == State.OPEN
    advance_cases(provider, now)
    assert latest_case(tagged_number).state == State.SUBMITTED
    ((request,),) = provider.called("submit")
    assert (request.number, request.engine, request.label) == (tagged_number.e164, "alpha", "Spam Likely")
    tagged_number.refresh_from_db()
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.IN_REMEDIATION


def test_row_13_it_is_expected_to_take_two_days_and_given_up_after_a_week(tagged_number, now):
    case = latest_case(tagged_number)
    assert (case.expected_by, case.deadline_at) == (now + days(2), now + days(7))


def test_a_vendors_answer_alone_clears_nothing_but_brings_the_next_look_up_forward(tagged_number, provider, now):
    advance_cases(provider, now)
    later = now + days(0.25)
    lookups.look_up_due(later)
    advance_cases(provider, later, Stage.DONE)
    tagged_number.refresh_from_db()
    assert latest_case(tagged_number).state == State.IN_REVIEW
    assert Tag.objects.standing().exists()
    assert tagged_number.next_action_at == later
    provider.labels.clear()
    lookups.look_up_due(later + timedelta(seconds=1))
    assert latest_case(tagged_number).state == State.CLEARED


def test_row_13_on_success_the_label_vanishes_by_itself(tagged_number, provider, now):
    advance_cases(provider, now)
    provider.labels.clear()
    lookups.look_up_due(now + days(0.25))
    tagged_number.refresh_from_db()
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert not tagged_number.is_tagged


def test_a_label_that_goes_without_a_word_of_the_engine_clears_the_case_before_it_was_submitted(
    tagged_number, provider, now
):
    provider.labels.clear()
    lookups.look_up_due(now + days(1))
    case = latest_case(tagged_number)
    assert case.state == State.CLEARED
    assert list(case.submissions.values_list("state", flat=True)) == ["moot"]


def test_row_13_a_dispute_may_take_up_to_a_week(tagged_number, provider, now):
    advance_cases(provider, now)
    disputed_at = now + days(1)
    advance_cases(provider, disputed_at, Stage.DISPUTED, reason="The carriers are asked.")
    case = latest_case(tagged_number)
    assert case.state == State.DISPUTED
    assert (case.expected_by, case.deadline_at) == (disputed_at + days(7), disputed_at + days(7))
    assert [*AuditEvent.objects.filter(subject="case").order_by("pk").values_list("what", flat=True)] == [
        "case.opened",
        "case.submitted",
        "case.in_review",
        "case.disputed",
    ]
    provider.labels.clear()
    lookups.look_up_due(now + days(3))
    assert latest_case(tagged_number).state == State.CLEARED


def test_a_refusal_fails_the_case_with_the_engines_reason(tagged_number, provider, now):
    advance_cases(provider, now)
    advance_cases(provider, now + days(1), Stage.REFUSED, reason="Complaints bear the label out.")
    case = latest_case(tagged_number)
    tagged_number.refresh_from_db()
    assert (case.state, case.outcome) == (State.FAILED, "Complaints bear the label out.")
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.FAILED


def test_a_case_fails_when_the_week_is_over(tagged_number, provider, now):
    advance_cases(provider, now)
    for day in range(1, 28):
        advance_cases(provider, now + days(day / 4), Stage.IN_REVIEW)
    assert latest_case(tagged_number).is_unfinished
    advance_cases(provider, now + days(7))
    case = latest_case(tagged_number)
    assert case.state == State.FAILED
    assert "Alpha" in case.outcome


def test_a_claim_that_no_look_up_bears_out_fails_the_case_in_time(tagged_number, provider, now):
    advance_cases(provider, now)
    for day in (1, 3, 7):
        lookups.look_up_due(now + days(day))
        advance_cases(provider, now + days(day), Stage.DONE)
    case = latest_case(tagged_number)
    assert case.state == State.FAILED
    assert "but it still shows" in case.outcome


def test_after_a_failed_case_a_look_up_without_the_label_clears_the_number_and_the_case_stays_failed(
    tagged_number, provider, now
):
    advance_cases(provider, now)
    advance_cases(provider, now + days(1), Stage.REFUSED)
    provider.labels.clear()
    lookups.look_up_due(now + days(2))
    tagged_number.refresh_from_db()
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert latest_case(tagged_number).state == State.FAILED


def test_one_refusal_does_not_fail_a_case_while_another_engine_is_at_it(provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels |= {(number.e164, "alpha"): "Spam", (number.e164, "beta"): "Spam"}
    lookups.look_up_due(now)
    advance_cases(provider, now)
    Submission.objects.filter(engine__slug="alpha").update(state="refused", next_action_at=None)
    advance_cases(provider, now + days(1), Stage.IN_REVIEW)
    assert latest_case(number).state == State.IN_REVIEW
    advance_cases(provider, now + days(2), Stage.REFUSED)
    assert latest_case(number).state == State.FAILED


def test_a_label_that_ends_by_itself_is_waited_for_longer_than_a_week(tagged_number, provider, now):
    ends = now + days(30)
    provider.answers["submit"] = {"stage": Stage.AGEING, "expected_by": ends}
    advance_cases(provider, now)
    case = latest_case(tagged_number)
    assert (case.state, case.expected_by, case.deadline_at) == (State.IN_REVIEW, ends, ends)
    advance_cases(provider, now + days(12), Stage.AGEING, expected_by=ends)
    assert latest_case(tagged_number).state == State.IN_REVIEW


def test_a_request_that_has_to_wait_says_why_and_is_sent_again_when_the_wait_is_over(tagged_number, provider, now):
    until = now + days(1)
    provider.answers["submit"] = {"stage": Stage.NOT_YET, "wait": Wait("cooldown", until), "reference": ""}
    advance_cases(provider, now)
    case = latest_case(tagged_number)
    assert case.state == State.OPEN
    assert "asked too recently" in next_step.get_next_step(case, now).sentence
    advance_cases(provider, now + days(0.5))
    assert len(provider.called("submit")) == 1
    provider.answers["submit"] = {}
    advance_cases(provider, until + days(0.5))
    assert latest_case(tagged_number).state == State.SUBMITTED


def test_an_engine_is_asked_again_under_the_same_key_when_its_answer_was_lost(tagged_number, provider, now):
    really = provider.submit

    def taken_but_not_heard(requests):
        really(requests)
        raise SystemExit

    provider.submit = taken_but_not_heard
    with pytest.raises(SystemExit):
        sweep.advance_due(now)
    provider.submit = really
    assert sweep.advance_due(now + timedelta(seconds=60)) == 0
    assert sweep.advance_due(now + timedelta(seconds=200)) == 1
    first, second = provider.called("submit")
    assert first[0].key == second[0].key
    assert latest_case(tagged_number).state == State.SUBMITTED


def test_an_engine_that_tags_again_during_the_case_is_asked_again(provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels |= {(number.e164, "alpha"): "Spam", (number.e164, "beta"): "Spam"}
    lookups.look_up_due(now)
    advance_cases(provider, now)
    del provider.labels[number.e164, "alpha"]
    lookups.look_up_due(now + days(0.25))
    provider.labels[number.e164, "alpha"] = "Spam"
    lookups.look_up_due(now + days(0.5))
    advance_cases(provider, now + days(0.5))
    keys = [request.key for requests in provider.called("submit") for request in requests if request.engine == "alpha"]
    assert len(set(keys)) == 2
    assert Case.objects.count() == 1


def test_a_provider_that_cannot_be_reached_delays_its_cases_and_no_others(tagged_number, provider, now):
    provider.failures["submit"] = ProviderUnavailable("busy")
    assert advance_cases(provider, now) == 1
    assert latest_case(tagged_number).state == State.OPEN
    provider.failures.clear()
    advance_cases(provider, now + days(0.25))
    assert latest_case(tagged_number).state == State.SUBMITTED


def test_a_request_that_a_vendor_refuses_outright_fails_its_case_alone(provider, account, now):
    numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(3)]
    provider.labels |= {(number.e164, "alpha"): "Spam" for number in numbers}
    lookups.look_up_due(now)
    really = provider.submit

    def refuse_lists_with_the_bad_one(requests):
        if any(request.number == numbers[1].e164 for request in requests):
            raise ProviderRefused("The number is not yours.")
        return really(requests)

    provider.submit = refuse_lists_with_the_bad_one
    advance_cases(provider, now)
    assert [latest_case(number).state for number in numbers] == [State.SUBMITTED, State.FAILED, State.SUBMITTED]
    assert latest_case(numbers[1]).outcome == "The number is not yours."


def test_an_engine_that_is_left_out_of_the_answers_is_asked_again(tagged_number, provider, now):
    really = provider.submit
    provider.submit = lambda requests: []
    advance_cases(provider, now)
    assert latest_case(tagged_number).state == State.OPEN
    provider.submit = really
    advance_cases(provider, now + days(0.25))
    assert latest_case(tagged_number).state == State.SUBMITTED


# Cancelling -----------------------------------------------------------------------------------------------------------


def test_disabling_while_a_case_runs_cancels_it_and_tells_the_provider(tagged_number, provider, actor, now):
    advance_cases(provider, now)
    capability.disable([tagged_number.pk], context=Context(actor, now))
    case = latest_case(tagged_number)
    tagged_number.refresh_from_db()
    assert (case.state, case.outcome) == (State.CANCELLED, "Monitoring was switched off.")
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.NOT_MONITORED
    event = AuditEvent.objects.get(what="case.cancelled")
    assert event.actor == actor.user
    sweep.withdraw_due(now)
    reference = case.submissions.get().reference
    assert provider.called("withdraw") == [[reference]]
    assert case.submissions.get().state == "withdrawn"


def test_nothing_of_the_history_is_lost_when_monitoring_stops(tagged_number, provider, actor, now):
    advance_cases(provider, now)
    capability.disable([tagged_number.pk], context=Context(actor, now + days(1)))
    tag = Tag.objects.get()
    assert (tag.detected_at, tag.ended_at, tag.ended_because) == (now, now + days(1), "not_monitored")
    assert tagged_number.checks.count() == 2
    assert not tagged_number.checks.filter(is_current=True).exists()


def test_a_provider_that_cannot_be_told_is_told_later(tagged_number, provider, actor, now):
    advance_cases(provider, now)
    capability.disable([tagged_number.pk], context=Context(actor, now))
    provider.failures["withdraw"] = ProviderUnavailable("busy")
    sweep.withdraw_due(now)
    assert Submission.objects.get().state == "withdrawing"
    provider.failures.clear()
    assert sweep.withdraw_due(now + days(0.01)) == 0
    assert sweep.withdraw_due(now + days(0.25)) == 1
    assert Submission.objects.get().state == "withdrawn"


def test_what_was_never_sent_needs_no_withdrawing(tagged_number, provider, actor, now):
    capability.disable([tagged_number.pk], context=Context(actor, now))
    assert Submission.objects.get().state == "withdrawn"
    assert sweep.withdraw_due(now) == 0


def test_a_case_that_is_cancelled_while_it_is_being_submitted_is_withdrawn_and_stays_cancelled(
    tagged_number, provider, actor, now
):
    really = provider.submit

    def cancelled_meanwhile(requests):
        capability.disable([tagged_number.pk], context=Context(actor, now))
        return really(requests)

    provider.submit = cancelled_meanwhile
    sweep.advance_due(now)
    assert latest_case(tagged_number).state == State.CANCELLED
    submission = Submission.objects.get()
    assert submission.state == "withdrawing"
    assert submission.reference
    sweep.withdraw_due(now)
    assert provider.called("withdraw") == [[submission.reference]]


def test_enabled_again_a_label_that_still_stands_opens_a_new_case_without_naming_the_cancelled_one(
    tagged_number, provider, actor, now
):
    capability.disable([tagged_number.pk], context=Context(actor, now))
    PhoneNumber.objects.update(capability="on", next_action_at=now)
    lookups.look_up_due(now + days(1))
    case = latest_case(tagged_number)
    assert (case.state, case.former) == (State.OPEN, None)


# What a page says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting", "The request to remove the label goes to Alpha."),
        ("submitted", "Review by Alpha, which usually takes 1 to 2 days."),
        ("in_review", "Answer of Alpha, usually within 1 to 2 days."),
        ("disputed", "up to a week"),
        ("done", "A look-up has to bear out that Alpha removed the label."),
        ("ageing", "The complaints age out"),
    ],
)
def test_a_case_says_what_happens_next_and_by_when(account, now, state, words):
    case = _create_case(account, "Alpha", state, state=State.IN_REVIEW)
    said = next_step.get_next_step(case, now)
    assert words in said.sentence
    assert said.by == case.expected_by


def test_a_case_that_is_late_says_so_and_when_it_is_given_up(account, now):
    case = _create_case(account, "Alpha", "in_review", state=State.IN_REVIEW)
    said = next_step.get_next_step(case, now + days(3))
    assert said.sentence.endswith("This is late.")
    assert said.by == case.deadline_at


@pytest.mark.parametrize("state", [State.CLEARED, State.FAILED, State.CANCELLED])
def test_an_ended_case_says_that_nothing_more_will_happen(account, now, state):
    said = next_step.get_next_step(CaseFactory(account=account, number__account=account, state=state), now)
    assert said.by is None
    assert said.sentence


def _create_case(account, engine, submission_state, **more):
    number = MonitoredNumberFactory(account=account)
    alpha = EngineFactory(slug=engine.lower(), name=engine)
    case = CaseFactory(account=account, number=number, **more)
    TagFactory(account=account, number=number, engine=alpha, case=case)
    SubmissionFactory(case=case, engine=alpha, state=submission_state, expected_by=case.expected_by)
    return case


def test_row_13_a_failed_case_offers_a_support_ticket_with_all_that_support_needs(tagged_number, provider, now):
    advance_cases(provider, now)
    advance_cases(provider, now + days(1), Stage.REFUSED, reason="Complaints bear the label out.")
    case = latest_case(tagged_number)
    text = next_step.get_ticket_text(case)
    submission = case.submissions.get()
    for part in (
        tagged_number.e164,
        "Cascade Solar LLC",
        "Alpha",
        "Spam Likely",
        submission.reference,
        "Complaints bear the label out.",
        f"Case: {case.pk}",
    ):
        assert part in text


def test_the_tickets_reference_is_noted_once_the_case_failed_and_told_in_the_audit_trail(account, actor, now):
    case = CaseFactory(account=account, number__account=account, state=State.FAILED)
    assert remediation.record_ticket(case, reference=" T-48213 ", context=Context(actor, now))
    case.refresh_from_db()
    assert (case.ticket_reference, case.ticket_opened_at) == ("T-48213", now)
    event = AuditEvent.objects.get(what="case.ticket")
    assert (event.actor, event.after, event.subject_label) == (actor.user, "T-48213", case.number.e164)


def test_a_case_that_did_not_fail_takes_no_ticket(account, actor, now):
    case = CaseFactory(account=account, number__account=account, state=State.IN_REVIEW)
    assert not remediation.record_ticket(case, reference="T-1", context=Context(actor, now))
    case.refresh_from_db()
    assert case.ticket_reference == ""


# Size -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [None, Stage.DISPUTED, Stage.DONE, Stage.REFUSED])
def test_advancing_costs_as_many_queries_for_500_cases_as_for_5(provider, account, now, stage):
    counts = []
    for count in (5, 500):
        numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(count)]
        provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
        lookups.look_up_due(now)
        if stage:
            assert advance_cases(provider, now) == count
            provider.answers["poll"] = {"stage": stage}
        with CaptureQueriesContext(connection) as queries:
            assert sweep.advance_due(now + days(1)) == count
        counts.append(len(queries))
        Case.objects.all().update(state=State.CLEARED, next_action_at=None)
    assert counts[0] == counts[1]


def test_cancelling_and_withdrawing_cost_as_many_queries_for_500_cases_as_for_5(provider, account, actor, now):
    counts = []
    for count in (5, 500):
        numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(count)]
        provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
        lookups.look_up_due(now)
        advance_cases(provider, now)
        with CaptureQueriesContext(connection) as queries:
            capability.disable([number.pk for number in numbers], context=Context(actor, now))
            assert sweep.withdraw_due(now) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_standing_says_failed_only_of_a_case_whose_label_stands(account, now):
    number = MonitoredNumberFactory(account=account)
    case = CaseFactory(account=account, number=number, state=State.FAILED)
    TagFactory(account=account, number=number, case=case)
    spam_status.recompute([number.pk])
    number.refresh_from_db()
    assert number.spam_status == PhoneNumber.SpamStatus.FAILED
