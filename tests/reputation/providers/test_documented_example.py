"""The provider that docs/providers.md builds works unchanged, against a stand-in of its vendor."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine

from portal.audit import Context
from reputation.models import Case, Check, CircuitBreaker, Connection, PhoneNumber
from reputation.monitoring import capability, engines, lookups
from reputation.providers.protocol import ConnectionSettings
from reputation.remediation import sweep
from reputation.service_clock import days
from tests.factories import PhoneNumberFactory
from tests.support.lookups import get_connection

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NUMBER = "+12067824021"


@pytest.fixture
def acme(settings, documented, stand_in):
    settings.PROVIDERS = ["acme_reputation.Acme"]
    engines.sync_engines()
    Connection.objects.filter(provider="acme").update(settings={"address": stand_in.address})
    return stand_in


def test_label_is_found_removed_and_cleared(acme, account):
    acme.labels[NUMBER] = "Spam Likely"
    number = PhoneNumberFactory(account=account, e164=NUMBER)
    with time_machine.travel(NOW, tick=False) as clock:
        capability.enable([number.pk], context=Context.system(NOW))
        lookups.look_up_due(NOW)
        case = Case.objects.get(number=number)
        assert case.state == "open"
        sweep.advance_due(NOW)
        later = NOW + days(1)
        clock.move_to(later)
        sweep.advance_due(later)
        lookups.look_up_due(later)
    case.refresh_from_db()
    number.refresh_from_db()
    assert (case.state, number.spam_status) == ("cleared", PhoneNumber.SpamStatus.CLEAN)
    assert set(Check.objects.values_list("provider", flat=True)) == {"acme"}


def test_wrong_key_is_a_misconfiguration(acme, account, monkeypatch):
    monkeypatch.setenv("ACME_KEY", "wrong")
    number = PhoneNumberFactory(account=account, e164=NUMBER)
    capability.enable([number.pk], context=Context.system(NOW))
    lookups.look_up_due(NOW)
    breaker = CircuitBreaker.objects.get()
    assert (breaker.connection, breaker.reason) == (get_connection("acme"), "Acme answered 401: Wrong key.")


def test_price_is_that_of_its_answers(acme, documented, account):
    provider = documented.Acme(ConnectionSettings(values={"address": acme.address}))
    (answer,) = provider.look_up([NUMBER])
    assert answer.cost == documented.Acme.prices.get_price("look_up", 1) == Decimal("0.01")
