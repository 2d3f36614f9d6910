"""Rounds of look-ups: which provider is asked about a number, over which connection, and when again."""

import pytest

from reputation.models import Check, Connection, PhoneNumber
from reputation.monitoring import lookups
from reputation.monitoring.engines import register_numbers
from reputation.providers.protocol import Observation, ProviderUnavailable, Verdict
from reputation.service_clock import days
from tests.factories import AccountFactory, MonitoredNumberFactory
from tests.support.lookups import create_due_numbers, look_up_all
from tests.support.provider import FakeLookUps, FakeProvider

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


class Registers(FakeProvider):
    """Registers numbers with Alpha and Beta, which FakeLookUps only looks up."""

    name = "registers"


@pytest.fixture
def two_sources(use_providers):
    """Two providers that look up the same engines."""
    return use_providers(FakeProvider, FakeLookUps)


def test_several_providers_are_asked_about_the_same_engine(two_sources, account, now):
    (number,) = create_due_numbers(account, 1)
    look_up_all(now)
    sources = Check.objects.filter(number=number, is_current=True).values_list("engine__slug", "provider")
    assert set(sources) == {
        ("alpha", "vendor"),
        ("beta", "vendor"),
        ("alpha", "look-ups"),
        ("beta", "look-ups"),
    }


def test_answer_of_one_provider_does_not_count_for_another_at_the_same_engine(two_sources, account, now):
    fails, works = two_sources
    create_due_numbers(account, 1)
    fails.failures["look_up"] = ProviderUnavailable("busy")
    look_up_all(now)
    fails.failures.clear()
    look_up_all(now + days(0.01))
    assert (len(fails.called("look_up")), len(works.called("look_up"))) == (2, 1)


def test_numbers_are_asked_about_over_the_operators_connection_or_their_accounts_own(provider, account, now):
    own_account = AccountFactory()
    Connection.objects.create(provider="vendor", account=own_account)
    of_others = [number.e164 for number in create_due_numbers(account, 2)]
    (own,) = create_due_numbers(own_account, 1)
    look_up_all(now)
    assert provider.asked_by == [(None, "look_up", of_others), (own_account.pk, "look_up", [own.e164])]
    assert set(PhoneNumber.objects.values_list("spam_status", flat=True)) == {Status.CLEAN}


def test_inactive_connection_of_an_account_leaves_it_to_the_operators(provider, account, now):
    Connection.objects.create(provider="vendor", account=account, is_active=False)
    (number,) = create_due_numbers(account, 1)
    look_up_all(now)
    assert provider.asked_by == [(None, "look_up", [number.e164])]


def test_provider_without_a_connection_for_the_account_is_not_asked(provider, account, now):
    own_account = AccountFactory()
    Connection.objects.update(is_active=False)
    Connection.objects.create(provider="vendor", account=own_account)
    (other,) = create_due_numbers(account, 1)
    (own,) = create_due_numbers(own_account, 1)
    assert look_up_all(now) == 2
    assert provider.asked_by == [(own_account.pk, "look_up", [own.e164])]
    other.refresh_from_db()
    assert (other.spam_status, other.lookup_round_started_at) == (Status.UNKNOWN, None)
    assert other.next_action_at == now + days(1)


def test_same_number_of_two_accounts_with_connections_of_their_own_is_asked_about_once_over_each(provider, now):
    accounts = [AccountFactory(), AccountFactory()]
    for own_account in accounts:
        Connection.objects.create(provider="vendor", account=own_account)
        MonitoredNumberFactory(account=own_account, e164="+12067824021", next_action_at=now)
    look_up_all(now)
    assert provider.asked_by == [(own_account.pk, "look_up", ["+12067824021"]) for own_account in accounts]


def test_without_a_provider_that_looks_up_numbers_are_released_as_answered(use_providers, account, now):
    use_providers()
    (number,) = create_due_numbers(account, 1)
    assert look_up_all(now) == 1
    number.refresh_from_db()
    assert (number.next_action_at, number.attempts, number.lease_token) == (now + days(1), 0, "")
    assert number.lookup_round_started_at is None


def test_engine_that_has_not_accepted_a_number_is_still_looked_up_by_other_providers(use_providers, account, now):
    looks_up, registers = use_providers(FakeLookUps, Registers)
    (number,) = create_due_numbers(account, 1)
    register_numbers([number.pk], now=now)
    look_up_all(now)
    assert (looks_up.called("look_up"), registers.called("look_up")) == ([[number.e164]], [])


@pytest.mark.parametrize("verdict", [None, Verdict.PENDING])
def test_answer_that_is_missing_or_pending_is_asked_for_again_after_growing_pauses(provider, account, now, verdict):
    (number,) = create_due_numbers(account, 1)
    answers = [Observation(number.e164, "alpha", Verdict.CLEAN)]
    if verdict:
        answers.append(Observation(number.e164, "beta", verdict))
    provider.look_up = lambda numbers: answers
    pauses, at = [], now
    for _ in range(3):
        look_up_all(at)
        number.refresh_from_db()
        pauses.append((number.next_action_at - at) / days(1))
        at = number.next_action_at
    assert pauses == [0.125, 0.25, 0.5]


def test_answer_that_one_provider_never_gives_does_not_keep_the_others_from_being_asked(two_sources, account, now):
    omits, answers = two_sources
    (number,) = create_due_numbers(account, 1)
    omits.omitted = {number.e164}
    for quarter in range(9):
        look_up_all(now + days(quarter / 8))
    assert len(answers.called("look_up")) == 2
    assert len(omits.called("look_up")) < 7


def test_provider_that_fails_for_days_does_not_keep_the_others_from_being_asked(two_sources, account, now):
    fails, works = two_sources
    create_due_numbers(account, 1)
    fails.failures["look_up"] = ProviderUnavailable("over budget", retry_at=now + days(30))
    for day in range(3):
        look_up_all(now + days(day))
    assert (len(fails.called("look_up")), len(works.called("look_up"))) == (1, 3)


def test_unknown_answer_is_an_answer(provider, account, now):
    provider.answers["look_up"] = {"verdict": Verdict.UNKNOWN}
    (number,) = create_due_numbers(account, 1)
    lookups.look_up_due(now)
    number.refresh_from_db()
    assert (number.spam_status, number.next_action_at) == (Status.UNKNOWN, now + days(1))


def test_look_up_requested_while_a_round_continues_is_not_overwritten(two_sources, account, now):
    fails, works = two_sources
    create_due_numbers(account, 1)
    really = works.look_up

    def requested_meanwhile(items):
        PhoneNumber.objects.all().request_lookup(now)
        return really(items)

    fails.failures["look_up"] = ProviderUnavailable("busy")
    works.look_up = requested_meanwhile
    lookups.look_up_due(now)
    works.look_up = really
    assert lookups.look_up_due(now + days(0.0005)) == 1, (
        "it does not wait until the provider that failed is asked again"
    )
    assert len(works.called("look_up")) == 2
