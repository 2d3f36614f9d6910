"""Remediation: a case starts automatically, is submitted and polled, and is cleared, failed or cancelled."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.models import Case, PhoneNumber, Submission, Tag
from reputation.monitoring import capability, lookups
from reputation.providers.protocol import ProviderRefused, ProviderUnavailable, Stage, Wait
from reputation.remediation import next_step, sweep
from reputation.service_clock import days
from tests.factories import MonitoredNumberFactory

pytestmark = pytest.mark.django_db

State = Case.State


def latest_case(number):
    return Case.objects.filter(number=number).latest("pk")


def advance_cases(provider, now, stage=None, **answer):
    """Set the engines' response to polls, and run the sweep."""
    if stage:
        provider.answers["poll"] = {"stage": stage, **answer}
    return sweep.advance_due(now)


def test_row_13_remediation_starts_automatically_when_a_tag_is_detected(tagged_number, provider, now):
    """The specification: no manual action from the customer is required."""
    assert latest_case(tagged_number).state == State.OPEN
    advance_cases(provider, now)
    assert latest_case(tagged_number).state == State.SUBMITTED
    ((request,),) = provider.called("submit")
    assert (request.number, request.engine, request.label) == (tagged_number.e164, "alpha", "Spam Likely")
    tagged_number.refresh_from_db()
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.IN_REMEDIATION


def test_row_13_case_is_expected_to_take_two_days_and_fails_after_a_week(tagged_number, now):
    case = latest_case(tagged_number)
    assert (case.expected_by, case.deadline_at) == (now + days(2), now + days(7))


def test_done_response_schedules_a_look_up_and_does_not_clear_the_case(tagged_number, provider, now):
    advance_cases(provider, now)
    later = now + days(0.25)
    lookups.look_up_due(later)
    advance_cases(provider, later, Stage.DONE)
    tagged_number.refresh_from_db()
    assert latest_case(tagged_number).state == State.IN_REVIEW
    assert Tag.objects.active().exists()
    assert tagged_number.next_action_at == later
    provider.labels.clear()
    lookups.look_up_due(later + timedelta(seconds=1))
    assert latest_case(tagged_number).state == State.CLEARED


def test_row_13_label_disappears_automatically_on_success(tagged_number, provider, now):
    advance_cases(provider, now)
    provider.labels.clear()
    lookups.look_up_due(now + days(0.25))
    tagged_number.refresh_from_db()
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert not tagged_number.is_tagged


def test_case_is_cleared_when_the_label_disappears_before_the_submission(tagged_number, provider, now):
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
    assert [*AuditEvent.objects.filter(subject_type="case").order_by("pk").values_list("code", flat=True)] == [
        "case.opened",
        "case.submitted",
        "case.in_review",
        "case.disputed",
    ]
    provider.labels.clear()
    lookups.look_up_due(now + days(3))
    assert latest_case(tagged_number).state == State.CLEARED


def test_refusal_fails_the_case_with_the_reason_of_the_engine(tagged_number, provider, now):
    advance_cases(provider, now)
    advance_cases(provider, now + days(1), Stage.REFUSED, reason="Complaints bear the label out.")
    case = latest_case(tagged_number)
    tagged_number.refresh_from_db()
    assert (case.state, case.outcome) == (State.FAILED, "Complaints bear the label out.")
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.FAILED


def test_case_fails_after_a_week(tagged_number, provider, now):
    advance_cases(provider, now)
    for day in range(1, 28):
        advance_cases(provider, now + days(day / 4), Stage.IN_REVIEW)
    assert latest_case(tagged_number).is_unfinished
    advance_cases(provider, now + days(7))
    case = latest_case(tagged_number)
    assert case.state == State.FAILED
    assert "Alpha" in case.outcome


def test_case_fails_at_its_deadline_if_look_ups_still_find_the_label(tagged_number, provider, now):
    advance_cases(provider, now)
    for day in (1, 3, 7):
        lookups.look_up_due(now + days(day))
        advance_cases(provider, now + days(day), Stage.DONE)
    case = latest_case(tagged_number)
    assert case.state == State.FAILED
    assert "but it still shows" in case.outcome


def test_look_up_without_the_label_clears_the_number_but_not_its_failed_case(tagged_number, provider, now):
    advance_cases(provider, now)
    advance_cases(provider, now + days(1), Stage.REFUSED)
    provider.labels.clear()
    lookups.look_up_due(now + days(2))
    tagged_number.refresh_from_db()
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert latest_case(tagged_number).state == State.FAILED


def test_refusal_does_not_fail_a_case_while_another_submission_is_open(provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels |= {(number.e164, "alpha"): "Spam", (number.e164, "beta"): "Spam"}
    lookups.look_up_due(now)
    advance_cases(provider, now)
    Submission.objects.filter(engine__slug="alpha").update(state="refused", next_action_at=None)
    advance_cases(provider, now + days(1), Stage.IN_REVIEW)
    assert latest_case(number).state == State.IN_REVIEW
    advance_cases(provider, now + days(2), Stage.REFUSED)
    assert latest_case(number).state == State.FAILED


def test_deadline_of_an_ageing_label_may_be_later_than_a_week(tagged_number, provider, now):
    ends = now + days(30)
    provider.answers["submit"] = {"stage": Stage.AGEING, "expected_by": ends}
    advance_cases(provider, now)
    case = latest_case(tagged_number)
    assert (case.state, case.expected_by, case.deadline_at) == (State.IN_REVIEW, ends, ends)
    advance_cases(provider, now + days(12), Stage.AGEING, expected_by=ends)
    assert latest_case(tagged_number).state == State.IN_REVIEW


def test_request_that_must_wait_has_the_reason_and_is_sent_again_afterwards(tagged_number, provider, now):
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


def test_request_is_repeated_with_the_same_key_when_the_response_was_lost(tagged_number, provider, now):
    really = provider.submit

    def taken_but_not_heard(requests):
        really(requests)
        raise SystemExit

    provider.submit = taken_but_not_heard
    with pytest.raises(SystemExit):
        sweep.advance_due(now)
    provider.submit = really
    assert sweep.advance_due(now + timedelta(seconds=5)) == 0
    assert sweep.advance_due(now + timedelta(seconds=20)) == 1
    first, second = provider.called("submit")
    assert first[0].idempotency_key == second[0].idempotency_key
    assert latest_case(tagged_number).state == State.SUBMITTED


def test_engine_that_labels_again_during_the_case_gets_a_new_request(provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels |= {(number.e164, "alpha"): "Spam", (number.e164, "beta"): "Spam"}
    lookups.look_up_due(now)
    advance_cases(provider, now)
    del provider.labels[number.e164, "alpha"]
    lookups.look_up_due(now + days(0.25))
    provider.labels[number.e164, "alpha"] = "Spam"
    lookups.look_up_due(now + days(0.5))
    advance_cases(provider, now + days(0.5))
    keys = [
        request.idempotency_key
        for requests in provider.called("submit")
        for request in requests
        if request.engine == "alpha"
    ]
    assert len(set(keys)) == 2
    assert Case.objects.count() == 1


def test_unreachable_provider_delays_the_submission(tagged_number, provider, now):
    provider.failures["submit"] = ProviderUnavailable("busy")
    assert advance_cases(provider, now) == 1
    assert latest_case(tagged_number).state == State.OPEN
    provider.failures.clear()
    advance_cases(provider, now + days(0.25))
    assert latest_case(tagged_number).state == State.SUBMITTED


def test_request_refused_by_a_provider_fails_only_its_case(provider, account, now):
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


def test_engine_missing_in_a_response_is_asked_again(tagged_number, provider, now):
    really = provider.submit
    provider.submit = lambda requests: []
    advance_cases(provider, now)
    assert latest_case(tagged_number).state == State.OPEN
    provider.submit = really
    advance_cases(provider, now + days(0.25))
    assert latest_case(tagged_number).state == State.SUBMITTED


# Cancelling -----------------------------------------------------------------------------------------------------------


def test_disabling_while_a_case_runs_cancels_it_and_leaves_the_request_with_its_engine(
    tagged_number, provider, actor, now
):
    advance_cases(provider, now)
    capability.disable([tagged_number.pk], context=Context(actor, now))
    case = latest_case(tagged_number)
    tagged_number.refresh_from_db()
    assert (case.state, case.outcome) == (State.CANCELLED, "Monitoring was switched off.")
    assert tagged_number.spam_status == PhoneNumber.SpamStatus.LAST_SEEN
    event = AuditEvent.objects.get(code="case.cancelled")
    assert event.actor == actor.user
    assert sweep.withdraw_due(now) == 0
    assert (case.submissions.get().state, case.submissions.get().next_action_at) == ("submitted", None)


def test_removing_the_number_withdraws_its_request_from_the_engine(tagged_number, provider, actor, now):
    advance_cases(provider, now)
    capability.disable([tagged_number.pk], context=Context(actor, now))
    phone_numbers.remove([tagged_number.pk], context=Context(actor, now))
    sweep.withdraw_due(now)
    submission = Submission.objects.get()
    assert provider.called("withdraw") == [[submission.reference]]
    assert submission.state == "withdrawn"


def test_history_is_kept_when_monitoring_stops(tagged_number, provider, actor, now):
    advance_cases(provider, now)
    capability.disable([tagged_number.pk], context=Context(actor, now + days(1)))
    tag = Tag.objects.get()
    assert (tag.detected_at, tag.ended_at, tag.end_reason) == (now, now + days(1), "not_monitored")
    assert tagged_number.checks.count() == 2
    assert not tagged_number.checks.filter(is_current=True).exists()


def test_withdrawal_is_repeated_when_the_provider_is_unreachable(tagged_number, provider, actor, now):
    advance_cases(provider, now)
    phone_numbers.remove([tagged_number.pk], context=Context(actor, now))
    provider.failures["withdraw"] = ProviderUnavailable("busy")
    sweep.withdraw_due(now)
    assert Submission.objects.get().state == "withdrawing"
    provider.failures.clear()
    assert sweep.withdraw_due(now + days(0.01)) == 0
    assert sweep.withdraw_due(now + days(0.25)) == 1
    assert Submission.objects.get().state == "withdrawn"


def test_submission_that_was_never_sent_needs_no_withdrawal(tagged_number, provider, actor, now):
    capability.disable([tagged_number.pk], context=Context(actor, now))
    assert Submission.objects.get().state == "withdrawn"
    assert sweep.withdraw_due(now) == 0


def test_a_case_that_is_cancelled_while_it_is_being_submitted_stays_cancelled_and_keeps_the_reference(
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
    assert (submission.state, submission.next_action_at) == ("submitted", None)
    assert submission.reference


def test_existing_label_opens_a_new_case_without_a_former_one_after_enabling_again(tagged_number, provider, actor, now):
    capability.disable([tagged_number.pk], context=Context(actor, now))
    PhoneNumber.objects.update(capability="on", next_action_at=now)
    lookups.look_up_due(now + days(1))
    case = latest_case(tagged_number)
    assert (case.state, case.former) == (State.OPEN, None)


# Number of queries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [None, Stage.DISPUTED, Stage.DONE, Stage.REFUSED])
def test_query_count_of_the_sweep_is_the_same_for_5_and_500_cases(provider, account, now, stage):
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


def test_query_count_of_cancellation_is_the_same_for_5_and_500_cases(provider, account, actor, now):
    counts = []
    for count in (5, 500):
        numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(count)]
        provider.labels |= {(number.e164, "alpha"): "Spam Likely" for number in numbers}
        lookups.look_up_due(now)
        advance_cases(provider, now)
        with CaptureQueriesContext(connection) as queries:
            phone_numbers.remove([number.pk for number in numbers], context=Context(actor, now))
            assert sweep.withdraw_due(now) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]
