"""Engines are kept in step with what the providers in use speak for."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import AuditEvent
from reputation.models import Case, Engine, PhoneNumber, Registration, Tag
from reputation.monitoring import engines, lookups, verification
from reputation.providers.protocol import EngineInfo
from reputation.service_clock import days
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def after_enabling(now):
    """When no transaction is open any more that did not know of an engine made just now."""
    return now + days(1)


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


def test_keeping_them_in_step_twice_changes_nothing(provider, django_assert_num_queries):
    before = list(Engine.objects.values())
    with django_assert_num_queries(1):
        engines.sync_engines()
    assert list(Engine.objects.values()) == before


def test_an_engine_nobody_speaks_for_any_more_is_out_of_use_and_comes_back_with_its_history(provider):
    beta = provider.cards.pop()
    engines.sync_engines()
    assert not Engine.objects.get(slug="beta").in_use
    provider.cards.append(beta)
    engines.sync_engines()
    assert Engine.objects.get(slug="beta").in_use
    assert Engine.objects.filter(slug="beta").count() == 1


def test_an_engine_that_was_let_go_is_not_looked_for_again(provider, account, now, django_assert_num_queries):
    MonitoredNumberFactory(account=account, next_action_at=now)
    lookups.look_up_due(now)
    provider.cards.pop()
    engines.sync_engines()
    assert engines.retire_unused_engines(now) == 1
    assert engines.retire_unused_engines(now) == 0
    with django_assert_num_queries(1):
        assert engines.retire_unused_engines(now) == 0


def test_carriers_that_an_operator_corrected_are_kept(provider):
    Engine.objects.filter(slug="alpha").update(carriers="Verizon")
    provider.cards[0] = EngineInfo("alpha", "Alpha Renamed", ("AT&T",))
    engines.sync_engines()
    alpha = Engine.objects.get(slug="alpha")
    assert (alpha.name, alpha.carriers) == ("Alpha Renamed", "Verizon")


def test_a_new_engine_is_asked_to_take_on_the_numbers_that_are_monitored_already(
    provider, account, now, after_enabling
):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    off = PhoneNumberFactory(account=account)
    engines.backfill_new_engines(after_enabling)
    engines.backfill_new_engines(after_enabling)
    verification.verify_due(now)
    provider.cards.append(EngineInfo("gamma", "Gamma"))
    engines.sync_engines()
    assert engines.backfill_new_engines(after_enabling) == 1
    assert engines.backfill_new_engines(after_enabling) == 0
    verification.verify_due(after_enabling)
    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.ON
    assert Registration.objects.get(number=number, engine__slug="gamma").state == "accepted"
    assert not Registration.objects.filter(number=off).exists()
    lookups.look_up_due(after_enabling)
    number.refresh_from_db()
    assert number.spam_status == PhoneNumber.SpamStatus.CLEAN


def test_an_engine_that_came_into_use_just_now_waits_for_transactions_that_did_not_know_of_it(provider, account, now):
    MonitoredNumberFactory(account=account, next_action_at=now)
    assert engines.backfill_new_engines(now) == 0
    assert engines.backfill_new_engines(now + engines.BACKFILL_DELAY + days(1)) == 2


def test_an_engine_that_has_all_numbers_is_not_led_through_them_again_until_it_was_out_of_use(
    provider, account, after_enabling, django_assert_num_queries
):
    number = MonitoredNumberFactory(account=account)
    assert engines.backfill_new_engines(after_enabling) == 2
    engines.backfill_new_engines(after_enabling)
    with django_assert_num_queries(1):
        assert engines.backfill_new_engines(after_enabling) == 0
    beta = provider.cards.pop()
    engines.sync_engines()
    Registration.objects.filter(number=number, engine__slug="beta").delete()
    provider.cards.append(beta)
    engines.sync_engines()
    assert engines.backfill_new_engines(after_enabling) == 1
    assert Registration.objects.filter(number=number, engine__slug="beta").exists()


def test_an_engine_is_led_through_the_numbers_in_chunks_and_goes_on_where_a_killed_worker_stopped(
    provider, account, after_enabling, monkeypatch
):
    monkeypatch.setattr(engines, "CHUNK", 2)
    for _ in range(5):
        MonitoredNumberFactory(account=account)
    assert [engines.backfill_new_engines(after_enabling) for _ in range(4)] == [4, 4, 2, 0]
    assert Registration.objects.count() == 10


def test_a_label_of_an_engine_that_is_no_longer_asked_ends_as_not_watched_and_its_case_is_cancelled(
    provider, account, now
):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels[number.e164, "beta"] = "Spam Likely"
    lookups.look_up_due(now)
    provider.cards.pop()
    engines.sync_engines()
    later = now + days(1)
    assert engines.retire_unused_engines(later) == 1
    assert engines.retire_unused_engines(later) == 0
    number.refresh_from_db()
    assert Tag.objects.get().end_reason == "not_monitored"
    assert Case.objects.get().state == "cancelled"
    assert number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert AuditEvent.objects.filter(code="tag.unwatched", account=account).count() == 1


def test_keeping_engines_in_step_costs_as_many_queries_for_500_numbers_as_for_5(provider, account, now, after_enabling):
    counts = []
    for count in (5, 500):
        numbers = [MonitoredNumberFactory(account=account, next_action_at=now) for _ in range(count)]
        Engine.objects.update(backfill_cursor=0)
        Registration.objects.all().delete()
        with CaptureQueriesContext(connection) as registering:
            assert engines.backfill_new_engines(after_enabling) == 2 * min(count, engines.CHUNK)
        Registration.objects.update(state="accepted", next_action_at=None)
        provider.labels |= {(number.e164, "beta"): "Spam Likely" for number in numbers}
        lookups.look_up_due(now)
        Engine.objects.filter(slug="beta").update(in_use=False, needs_retirement=True)
        with CaptureQueriesContext(connection) as letting_go:
            assert engines.retire_unused_engines(now) == count
        Engine.objects.filter(slug="beta").update(in_use=True)
        counts.append((len(registering), len(letting_go)))
    assert counts[0] == counts[1]
