"""Verification: every engine is asked to accept a number. It may take days; Capability shows the progress."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import PhoneNumber, Registration
from reputation.monitoring import capability, verification
from reputation.number_table.alerts import build_rows
from reputation.providers.protocol import ProviderRefused, ProviderUnavailable, Stage, Wait
from reputation.service_clock import days
from tests.factories import PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

Capability = PhoneNumber.Capability


def create_enabled(account, now, count=1):
    numbers = [PhoneNumberFactory(account=account) for _ in range(count)]
    capability.enable([number.pk for number in numbers], context=Context.system(now))
    return numbers


def stored_capability(number):
    number.refresh_from_db()
    return number.capability


@pytest.mark.parametrize("to", capability.TRANSITIONS)
@pytest.mark.parametrize("state", Capability.values)
def test_only_transitions_in_the_table_are_allowed(account, now, state, to):
    number = PhoneNumberFactory(account=account, capability=state)
    move = {
        Capability.VERIFYING: capability.enable,
        Capability.ON: capability.accept,
        Capability.OFF: capability.disable,
        Capability.FAILED: lambda ids, **more: capability.fail(ids, reason="No.", **more),
    }[to]
    allowed = state in capability.TRANSITIONS[to]
    assert move([number.pk], context=Context.system(now)) == ([number.pk] if allowed else [])
    assert stored_capability(number) == (to if allowed else state)
    assert AuditEvent.objects.filter(code=f"capability.{to}", before=state, after=to).count() == int(allowed)


def test_number_is_on_when_every_engine_has_accepted_it(provider, account, now):
    (number,) = create_enabled(account, now)
    assert stored_capability(number) == Capability.VERIFYING
    verification.verify_due(now)
    assert stored_capability(number) == Capability.ON
    assert number.next_action_at == now
    assert AuditEvent.objects.filter(code="capability.on", subject_id=number.pk, via="task").count() == 1


def test_row_7_verification_may_take_days_and_engines_are_polled(provider, account, now):
    expected_by = now + days(3)
    provider.answers["verify"] = {"stage": Stage.RECEIVED, "expected_by": expected_by}
    provider.answers["poll"] = {"stage": Stage.RECEIVED}
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    assert verification.verify_due(now) == 0
    assert stored_capability(number) == Capability.VERIFYING
    verification.verify_due(now + days(1))
    provider.answers["poll"] = {"stage": Stage.DONE}
    verification.verify_due(now + days(2))
    assert stored_capability(number) == Capability.ON
    assert len(provider.called("verify")) == 1


def test_row_7_progress_of_verification_is_shown_under_capability(provider, account, as_viewer, now):
    provider.answers["verify"] = {"stage": Stage.RECEIVED, "expected_by": now + days(3)}
    (number,) = create_enabled(account, now)
    assert verification.get_progress([number.pk], now) == {number.pk: "0 of 2 engines"}
    page = " ".join(get_html(as_viewer.get(reverse("number-reputation"))).split())
    assert re.search(
        rf'<div id="capability-{number.pk}" data-live>.{{,900}}Verifying</span>\s*<span class="under">\s*0 of 2', page
    )
    verification.verify_due(now)
    Registration.objects.filter(engine__slug="alpha").update(state="accepted")
    assert verification.get_progress([number.pk], now) == {number.pk: "1 of 2 engines · up to 3 days"}
    assert verification.get_progress([number.pk], now + days(2.5)) == {number.pk: "1 of 2 engines · up to 1 day"}
    assert verification.get_progress([number.pk], now + days(4)) == {number.pk: "1 of 2 engines · any time now"}
    assert build_rows([PhoneNumber.objects.get()], now)[0].verification_progress == "1 of 2 engines · up to 3 days"


def test_progress_takes_one_query_for_any_number_of_rows(provider, account, now, django_assert_num_queries):
    numbers = create_enabled(account, now, 50)
    with django_assert_num_queries(1):
        assert len(verification.get_progress([number.pk for number in numbers], now)) == 50


def test_number_refused_by_an_engine_fails_with_the_reason_and_can_be_enabled_again(provider, account, now):
    provider.answers["verify"] = {"stage": Stage.REFUSED, "reason": "Alpha knows another owner."}
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    assert stored_capability(number) == Capability.FAILED
    assert number.capability_reason == "Alpha knows another owner."
    provider.answers.clear()
    later = now + days(1)
    assert capability.enable([number.pk], context=Context.system(later)) == [number.pk]
    verification.verify_due(later)
    assert stored_capability(number) == Capability.ON


def test_number_not_verified_within_a_week_fails(provider, account, now):
    provider.answers["verify"] = provider.answers["poll"] = {"stage": Stage.RECEIVED}
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    assert verification.fail_overdue(now + days(6.9)) == 0
    assert verification.fail_overdue(now + days(7)) == 1
    assert stored_capability(number) == Capability.FAILED
    assert "within 7 days" in number.capability_reason


def test_engine_is_asked_again_after_the_wait_that_it_requested(provider, account, now):
    until = now + days(2)
    provider.answers["verify"] = {"stage": Stage.NOT_YET, "wait": Wait("gate", until), "reference": ""}
    create_enabled(account, now)
    verification.verify_due(now)
    verification.verify_due(now + days(1))
    assert len(provider.called("verify")) == 1
    provider.answers.clear()
    assert verification.verify_due(until) == 2
    assert PhoneNumber.objects.get().capability == Capability.ON


def test_engines_missing_in_a_response_are_asked_again(provider, account, now):
    really = provider.verify
    provider.verify = lambda numbers: [answer for answer in really(numbers) if answer.engine == "alpha"]
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    assert stored_capability(number) == Capability.VERIFYING
    provider.verify = really
    verification.verify_due(now + days(0.5))
    assert stored_capability(number) == Capability.ON


def test_unreachable_provider_is_asked_again_later(provider, account, now):
    provider.failures["verify"] = ProviderUnavailable("busy")
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    provider.failures.clear()
    assert verification.verify_due(now + days(0.001)) == 0
    verification.verify_due(now + days(0.01))
    assert stored_capability(number) == Capability.ON


def test_number_for_which_a_provider_refuses_the_whole_request_fails_alone(provider, account, now):
    numbers = create_enabled(account, now, 5)
    really = provider.verify

    def all_or_none(items):
        if numbers[3].e164 in items:
            raise ProviderRefused("Not a number of yours.")
        return really(items)

    provider.verify = all_or_none
    verification.verify_due(now)
    states = [stored_capability(number) for number in numbers]
    assert states == [Capability.ON] * 3 + [Capability.FAILED] + [Capability.ON]
    assert numbers[3].capability_reason == "Not a number of yours."


def test_number_disabled_during_verification_stays_off_and_is_withdrawn(provider, account, actor, now):
    provider.answers["verify"] = {"stage": Stage.RECEIVED}
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    capability.disable([number.pk], context=Context(actor, now))
    assert verification.verify_due(now + days(1)) == 0
    assert stored_capability(number) == Capability.OFF
    assert verification.withdraw_due(now) == 2
    assert sorted(provider.called("withdraw")[0]) == [f"v-alpha-{number.e164}", f"v-beta-{number.e164}"]
    assert set(Registration.objects.values_list("state", flat=True)) == {"withdrawn"}


def test_number_that_another_account_monitors_is_not_withdrawn_at_the_engines(provider, account, actor, now):
    (mine,) = create_enabled(account, now)
    theirs = PhoneNumberFactory(e164=mine.e164)
    capability.enable([theirs.pk], context=Context.system(now))
    verification.verify_due(now)
    capability.disable([mine.pk], context=Context(actor, now))
    verification.withdraw_due(now)
    assert provider.called("withdraw") == []
    assert set(Registration.objects.filter(number=mine).values_list("state", flat=True)) == {"withdrawn"}
    assert set(Registration.objects.filter(number=theirs).values_list("state", flat=True)) == {"accepted"}


def test_number_disabled_during_a_request_to_an_engine_stays_off(provider, account, actor, now):
    (number,) = create_enabled(account, now)
    really = provider.verify

    def disabled_meanwhile(numbers):
        capability.disable([number.pk], context=Context(actor, now))
        return really(numbers)

    provider.verify = disabled_meanwhile
    verification.verify_due(now)
    assert stored_capability(number) == Capability.OFF
    # The claim of the worker ends with the registration, so the next one may withdraw or enable it at once.
    assert set(Registration.objects.values_list("lease_token", "lease_until")) == {("", None)}


def test_registrations_of_a_killed_worker_are_continued_after_its_claim_expires(provider, account, now):
    (number,) = create_enabled(account, now)
    really = provider.verify

    def die(numbers):
        raise SystemExit

    provider.verify = die
    with pytest.raises(SystemExit):
        verification.verify_due(now)
    provider.verify = really
    assert verification.verify_due(now + timedelta(seconds=5)) == 0
    verification.verify_due(now + timedelta(seconds=20))
    assert stored_capability(number) == Capability.ON


@pytest.mark.parametrize("stage", [Stage.DONE, Stage.RECEIVED, Stage.REFUSED])
def test_query_count_of_verification_is_the_same_for_5_and_500_registrations(provider, account, now, stage):
    provider.cards.pop()  # one engine, so that each number has one registration
    from reputation.monitoring.engines import sync_engines

    sync_engines()
    provider.answers["verify"] = {"stage": stage}
    counts = []
    for count in (5, 500):
        create_enabled(account, now, count)
        with CaptureQueriesContext(connection) as queries:
            assert verification.verify_due(now) == count
        counts.append(len(queries))
        Registration.objects.update(next_action_at=None)
    assert counts[0] == counts[1]


def test_query_count_of_enable_is_the_same_for_5_and_500_numbers(provider, account, actor, now):
    counts = []
    for count in (5, 500):
        ids = [PhoneNumberFactory(account=account).pk for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            assert len(capability.enable(ids, context=Context(actor, now))) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_query_count_of_withdrawal_and_failure_is_the_same_for_5_and_500_numbers(provider, account, actor, now):
    provider.cards.pop()
    from reputation.monitoring.engines import sync_engines

    sync_engines()
    provider.answers["verify"] = {"stage": Stage.RECEIVED}
    counts = []
    for count in (5, 500):
        numbers = create_enabled(account, now, count)
        verification.verify_due(now)
        with CaptureQueriesContext(connection) as giving_up:
            assert verification.fail_overdue(now + days(8)) == count
        with CaptureQueriesContext(connection) as withdrawing:
            assert verification.withdraw_due(now + days(8)) == count
        assert stored_capability(numbers[0]) == Capability.FAILED
        counts.append((len(giving_up), len(withdrawing)))
    assert counts[0] == counts[1]
