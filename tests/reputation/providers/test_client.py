"""The provider client: circuit breakers, refusals and failed requests."""

from decimal import Decimal

import pytest

from reputation.models import Check, CircuitBreaker, Connection, PhoneNumber
from reputation.providers.client import ProviderClient
from reputation.providers.protocol import (
    EngineInfo,
    Observation,
    Prices,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from reputation.service_clock import days
from tests.factories import AccountFactory
from tests.support.lookups import create_due_numbers, get_connection, look_up_all
from tests.support.provider import FakeProvider, FakeVendor

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


class SecondProvider(FakeProvider):
    """A second provider, with its own engine."""

    name = "other"
    vendor = FakeVendor(EngineInfo("gamma", "Gamma"))


@pytest.fixture
def two_providers(use_providers):
    return use_providers(FakeProvider, SecondProvider)


def test_provider_that_times_out_is_not_asked_for_a_while_and_others_are(two_providers, account, now):
    fails, _ = two_providers
    create_due_numbers(account, 1)
    fails.failures["look_up"] = TimeoutError("timed out")
    look_up_all(now)
    assert Check.objects.get().engine.slug == "gamma"
    outage = CircuitBreaker.objects.get()
    assert (outage.connection.provider, outage.operation, outage.failures) == ("vendor", "look_up", 1)
    look_up_all(now + days(1 / 1000))
    assert len(fails.called("look_up")) == 1


def test_only_the_provider_that_failed_is_asked_again_after_an_outage(two_providers, account, now):
    fails, works = two_providers
    create_due_numbers(account, 3)
    fails.failures["look_up"] = ProviderUnavailable("busy")
    look_up_all(now)
    fails.failures.clear()
    look_up_all(now + days(0.01))
    assert len(fails.called("look_up")) == 2
    assert len(works.called("look_up")) == 1
    assert not CircuitBreaker.objects.exists()
    assert set(PhoneNumber.objects.values_list("spam_status", flat=True)) == {Status.CLEAN}


def test_retry_delay_of_a_failing_provider_grows_to_a_quarter_of_a_day(provider, account, now):
    create_due_numbers(account, 1)
    provider.failures["look_up"] = ProviderUnavailable("busy")
    pauses = []
    at = now
    for _ in range(9):
        look_up_all(at)
        retry_at = CircuitBreaker.objects.get().retry_at
        pauses.append((retry_at - at) / days(1))
        at = retry_at
    assert pauses[0] == pytest.approx(1 / 288, rel=1e-3)
    assert pauses[1] == pytest.approx(2 / 288, rel=1e-3)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(0.25)
    assert CircuitBreaker.objects.get().failures == 9


def test_retry_time_given_by_the_provider_is_used(provider, account, now):
    create_due_numbers(account, 1)
    provider.failures["look_up"] = ProviderUnavailable("over budget", retry_at=now + days(3))
    look_up_all(now)
    assert CircuitBreaker.objects.get().retry_at == now + days(3)


def test_misconfigured_provider_is_logged_as_an_error(provider, account, now, caplog):
    create_due_numbers(account, 1)
    provider.failures["look_up"] = ProviderMisconfigured("the key is missing")
    look_up_all(now)
    assert [record.levelname for record in caplog.records if "the key is missing" in record.message] == ["ERROR"]


def test_number_refused_by_a_provider_does_not_prevent_the_look_up_of_others(provider, account, now):
    numbers = create_due_numbers(account, 4)
    bad = numbers[2].e164
    look_up_really = provider.look_up

    def refuse_lists_with_the_bad_one(items):
        if bad in items:
            raise ProviderRefused("not your number")
        return look_up_really(items)

    provider.look_up = refuse_lists_with_the_bad_one
    look_up_all(now)
    assert set(PhoneNumber.objects.filter(spam_status=Status.CLEAN)) == set(numbers) - {numbers[2]}


def test_unexpected_error_of_a_provider_opens_the_circuit_breaker(provider, account, now, caplog):
    create_due_numbers(account, 1)
    provider.failures["look_up"] = KeyError("spam_risk")
    look_up_all(now)
    assert "KeyError" in CircuitBreaker.objects.get().reason


class NeedsKey(FakeProvider):
    """Cannot be created without a key."""

    name = "needs-key"

    def __init__(self, connection):
        super().__init__(connection)
        self.key = connection.values["key"]


def test_failing_connection_of_an_account_does_not_affect_the_operators(provider, now):
    own = Connection.objects.create(provider="vendor", account=AccountFactory())
    provider.failures["look_up"] = ProviderUnavailable("over budget", retry_at=now + days(1))
    assert ProviderClient(now).call(own, "look_up", ["+12065550143"]).retry_at == now + days(1)
    provider.failures.clear()
    client = ProviderClient(now)
    of_operator = get_connection()
    assert client.retry_at(own, "look_up") == now + days(1)
    assert client.call(of_operator, "look_up", ["+12065550143"]).answers
    assert CircuitBreaker.objects.get().connection == own


def test_connection_with_wrong_settings_fails_and_works_once_they_are_corrected(use_providers, now, caplog):
    (vendor,) = use_providers(NeedsKey)
    connection = get_connection("needs-key")
    result = ProviderClient(now).call(connection, "look_up", ["+12065550143"])
    assert (result.answers, vendor.calls) == ([], [])
    assert "KeyError" in CircuitBreaker.objects.get().reason
    connection.settings = {"key": "k"}
    assert ProviderClient(result.retry_at).call(connection, "look_up", ["+12065550143"]).answers
    assert not CircuitBreaker.objects.exists()


def test_answers_about_items_that_were_not_asked_for_are_dropped(provider, now, caplog):
    provider.look_up = lambda numbers: [Observation(number) for number in (*numbers, "+12065550199")]
    provider.poll = lambda references: ["no answer at all"]
    client, connection = ProviderClient(now), get_connection()
    answers = client.call(connection, "look_up", ["+12065550143"]).answers
    assert [answer.number for answer in answers] == ["+12065550143"]
    assert client.call(connection, "poll", ["x"]).answers == []
    assert "vendor: ignored 1 answers of look_up about items not asked for" in caplog.text


def test_price_is_known_and_logged_before_the_call(provider, now, caplog):
    provider.prices = Prices(look_up=Decimal("0.10"), submit=Decimal(1))
    provider.failures["look_up"] = ProviderUnavailable("busy")
    client, connection = ProviderClient(now), get_connection()
    assert client.get_price(connection, "submit", 3) == 3
    assert client.get_price(connection, "poll", 3) == 0
    with caplog.at_level("INFO"):
        client.call(connection, "look_up", ["+12065550143", "+12065550144"])
    assert "look_up of 2 items costs up to $0.20" in caplog.text


def test_cost_is_counted_from_the_answers(provider, now, caplog):
    provider.answers["look_up"] = {"cost": Decimal("0.10")}
    with caplog.at_level("INFO"):
        ProviderClient(now).call(get_connection(), "look_up", ["+12065550143"])
    assert "look_up of 2 cost $0.20" in caplog.text
