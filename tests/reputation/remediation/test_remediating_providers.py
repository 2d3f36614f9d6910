"""Removals are requested by the provider that remediates for each engine, over the account's connection."""

import pytest

from portal.audit import Context
from reputation import phone_numbers
from reputation.models import Case, Connection, Submission
from reputation.providers.protocol import EngineInfo, Stage
from reputation.remediation import sweep
from reputation.service_clock import days
from tests.factories import AccountFactory
from tests.support.lookups import create_due_numbers, look_up_all
from tests.support.provider import FakeLookUps, FakeProvider, FakeVendor

pytestmark = pytest.mark.django_db

NOBODY_ASKS = "No provider that is set up here can ask {} to remove a label."


class Gamma(FakeLookUps):
    """Looks up an engine that nobody asks to remove labels."""

    name = "gamma"
    vendor = FakeVendor(EngineInfo("gamma", "Gamma"))


def create_labelled(vendor, engine, account, now):
    (number,) = create_due_numbers(account, 1)
    vendor.labels[number.e164, engine] = "Spam Likely"
    look_up_all(now)
    return number


def test_case_that_no_provider_can_ask_about_fails_and_says_so(use_providers, account, now):
    (vendor,) = use_providers(FakeLookUps)
    create_labelled(vendor, "alpha", account, now)
    sweep.advance_due(now)
    case = Case.objects.get()
    assert (case.state, case.outcome) == ("failed", NOBODY_ASKS.format("Alpha"))


def test_case_goes_on_with_the_engines_that_can_be_asked_and_names_the_others_when_it_fails(
    use_providers, account, now
):
    vendor, gamma = use_providers(FakeProvider, Gamma)
    (number,) = create_due_numbers(account, 1)
    vendor.labels[number.e164, "alpha"] = gamma.labels[number.e164, "gamma"] = "Spam Likely"
    look_up_all(now)
    sweep.advance_due(now)
    assert Case.objects.get().state == "submitted"
    vendor.answers["poll"] = {"stage": Stage.REFUSED, "reason": "Alpha keeps the label."}
    sweep.advance_due(now + days(1))
    case = Case.objects.get()
    assert (case.state, case.outcome) == ("failed", f"Alpha keeps the label. {NOBODY_ASKS.format('Gamma')}")


def test_case_that_fails_at_its_deadline_names_engines_that_nobody_could_ask(use_providers, account, now):
    vendor, gamma = use_providers(FakeProvider, Gamma)
    (number,) = create_due_numbers(account, 1)
    vendor.labels[number.e164, "alpha"] = gamma.labels[number.e164, "gamma"] = "Spam Likely"
    look_up_all(now)
    sweep.advance_due(now)
    sweep.advance_due(now + days(7))
    case = Case.objects.get()
    assert case.state == "failed"
    assert case.outcome.endswith(f"Open at: Alpha and Gamma. {NOBODY_ASKS.format('Gamma')}")


def test_request_that_was_sent_before_its_provider_was_removed_waits_for_a_look_up(use_providers, account, now):
    vendor, _ = use_providers(FakeProvider, FakeLookUps)
    create_labelled(vendor, "alpha", account, now)
    sweep.advance_due(now)
    Submission.objects.update(state="done", answered_at=now)
    use_providers(FakeLookUps)
    sweep.advance_due(now + days(1))
    assert Case.objects.get().state == "in_review"


def test_removals_are_requested_polled_and_withdrawn_over_the_accounts_connection(provider, account, actor, now):
    own_account = AccountFactory()
    Connection.objects.create(provider="vendor", account=own_account)
    numbers = [create_labelled(provider, "alpha", of, now) for of in (account, own_account)]
    provider.asked_by.clear()
    sweep.advance_due(now)
    sweep.advance_due(now + days(1))
    for number in numbers:
        phone_numbers.remove([number.pk], context=Context(actor, now))
    sweep.withdraw_due(now)
    assert [(asked_by, operation) for asked_by, operation, _ in provider.asked_by] == [
        (asked_by, operation) for operation in ("submit", "poll", "withdraw") for asked_by in (None, own_account.pk)
    ]


def test_paused_connection_keeps_requests_waiting(provider, account, now):
    create_labelled(provider, "alpha", account, now)
    Connection.objects.update(is_active=False)
    sweep.advance_due(now)
    assert (Case.objects.get().state, Submission.objects.get().state) == ("open", "waiting")
    Connection.objects.update(is_active=True)
    sweep.advance_due(now + days(1))
    assert Case.objects.get().state == "submitted"
