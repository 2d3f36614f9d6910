"""The provider client: circuit breakers, refusals and failed requests."""

import pytest

from reputation.models import Check, CircuitBreaker, PhoneNumber
from reputation.providers.protocol import (
    EngineInfo,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
)
from reputation.providers.registry import get_providers
from reputation.service_clock import days
from tests.support.lookups import create_due_numbers, look_up_all
from tests.support.provider import FakeProvider

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus


class SecondProvider(FakeProvider):
    """A second provider, with its own engine."""

    name = "other"

    def __init__(self):
        super().__init__()
        self.cards = [EngineInfo("gamma", "Gamma")]


@pytest.fixture
def two_providers(provider, settings):
    from reputation.monitoring.engines import sync_engines

    settings.PROVIDERS = ["tests.support.provider.FakeProvider", f"{__name__}.SecondProvider"]
    sync_engines()
    return get_providers()["vendor"], get_providers()["other"]


def test_provider_that_times_out_is_not_asked_for_a_while_and_others_are(two_providers, account, now):
    fails, _ = two_providers
    create_due_numbers(account, 1)
    fails.failures["look_up"] = TimeoutError("timed out")
    look_up_all(now)
    assert Check.objects.get().engine.slug == "gamma"
    outage = CircuitBreaker.objects.get()
    assert (outage.provider, outage.operation, outage.failures) == ("vendor", "look_up", 1)
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
