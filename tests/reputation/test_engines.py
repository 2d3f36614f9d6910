"""Engines are kept in step with what the providers in use speak for."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import AuditEvent
from reputation import engines, lookups, verification
from reputation.clock import days
from reputation.models import Case, Engine, PhoneNumber, Registration, Tag
from reputation.providers.protocol import EngineCard
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db


def test_the_engines_of_the_providers_are_there_after_the_migrations():
    assert set(Engine.objects.filter(in_use=True).values_list("slug", flat=True)) == {
        "sim-hiya",
        "sim-first-orion",
        "sim-tns",
        "ftc-complaints",
    }


def test_a_simulated_engine_says_so_in_its_name():
    names = Engine.objects.filter(provider="simulated").values_list("name", flat=True)
    assert len(names) == 3
    assert all("(simulated)" in name for name in names)


def test_keeping_them_in_step_twice_changes_nothing(vendor, django_assert_num_queries):
    before = list(Engine.objects.values())
    with django_assert_num_queries(1):
        engines.sync_engines()
    assert list(Engine.objects.values()) == before


def test_an_engine_nobody_speaks_for_any_more_is_out_of_use_and_comes_back_with_its_history(vendor):
    beta = vendor.cards.pop()
    engines.sync_engines()
    assert not Engine.objects.get(slug="beta").in_use
    vendor.cards.append(beta)
    engines.sync_engines()
    assert Engine.objects.get(slug="beta").in_use
    assert Engine.objects.filter(slug="beta").count() == 1


def test_carriers_that_an_operator_corrected_are_kept(vendor):
    Engine.objects.filter(slug="alpha").update(carriers="Verizon")
    vendor.cards[0] = EngineCard("alpha", "Alpha Renamed", ("AT&T",))
    engines.sync_engines()
    alpha = Engine.objects.get(slug="alpha")
    assert (alpha.name, alpha.carriers) == ("Alpha Renamed", "Verizon")


def test_a_new_engine_is_asked_to_take_on_the_numbers_that_are_monitored_already(vendor, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    off = PhoneNumberFactory(account=account)
    engines.register_monitored(now)
    verification.ask(now)
    vendor.cards.append(EngineCard("gamma", "Gamma"))
    engines.sync_engines()
    assert engines.register_monitored(now) == 1
    assert engines.register_monitored(now) == 0
    verification.ask(now)
    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.ON
    assert Registration.objects.get(number=number, engine__slug="gamma").state == "accepted"
    assert not Registration.objects.filter(number=off).exists()
    lookups.look_up_due(now)
    number.refresh_from_db()
    assert number.spam_status == PhoneNumber.SpamStatus.CLEAN


def test_a_label_of_an_engine_that_is_no_longer_asked_ends_as_not_watched_and_its_case_is_cancelled(
    vendor, account, now
):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    vendor.labels[number.e164, "beta"] = "Spam Likely"
    lookups.look_up_due(now)
    vendor.cards.pop()
    engines.sync_engines()
    later = now + days(1)
    assert engines.let_go_unused(later) == 1
    assert engines.let_go_unused(later) == 0
    number.refresh_from_db()
    assert Tag.objects.get().ended_because == "not_monitored"
    assert Case.objects.get().state == "cancelled"
    assert number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert AuditEvent.objects.filter(what="tag.unwatched", account=account).count() == 1


def test_keeping_engines_in_step_costs_as_many_queries_for_500_numbers_as_for_5(vendor, account, now):
    counts = []
    for count in (5, 500):
        numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(count)]
        with CaptureQueriesContext(connection) as registering:
            assert engines.register_monitored(now) == 2 * count
        Registration.objects.update(state="accepted", next_action_at=None)
        vendor.labels |= {(number.e164, "beta"): "Spam Likely" for number in numbers}
        lookups.look_up_due(now)
        Engine.objects.filter(slug="beta").update(in_use=False)
        with CaptureQueriesContext(connection) as letting_go:
            assert engines.let_go_unused(now) == count
        Engine.objects.filter(slug="beta").update(in_use=True)
        counts.append((len(registering), len(letting_go)))
    assert counts[0] == counts[1]
