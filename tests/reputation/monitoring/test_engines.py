"""Engines are synchronized with the providers in use."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import AuditEvent
from reputation.models import CarrierEngine, Case, Connection, Engine, EngineRole, PhoneNumber, Registration, Tag
from reputation.monitoring import engines, lookups, retirement, verification
from reputation.providers.protocol import EngineInfo
from reputation.service_clock import days
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory
from tests.support.provider import FakeLookUps, FakeProvider

pytestmark = pytest.mark.django_db


@pytest.fixture
def after_enabling(now):
    """A time at which no transaction from before the creation of an engine is still open."""
    return now + days(1)


def test_migrations_create_the_engines_of_the_providers():
    assert set(Engine.objects.filter(in_use=True).values_list("slug", flat=True)) == {
        "sim-hiya",
        "sim-first-orion",
        "sim-tns",
        "ftc-complaints",
    }


def test_names_of_simulated_engines_say_simulated():
    names = Engine.objects.filter(roles__provider="simulated").distinct().values_list("name", flat=True)
    assert len(names) == 3
    assert all("(simulated)" in name for name in names)


def test_second_sync_changes_nothing(provider, django_assert_num_queries):
    tables = (Engine, EngineRole, Connection, CarrierEngine)
    before = [list(table.objects.values()) for table in tables]
    with django_assert_num_queries(4):
        engines.sync_engines()
    assert [list(table.objects.values()) for table in tables] == before


def test_engine_without_a_provider_is_out_of_use_until_a_provider_offers_it_again(provider):
    beta = provider.cards.pop()
    engines.sync_engines()
    assert not Engine.objects.get(slug="beta").in_use
    provider.cards.append(beta)
    engines.sync_engines()
    assert Engine.objects.get(slug="beta").in_use
    assert Engine.objects.filter(slug="beta").count() == 1


def test_engine_is_retired_once(provider, account, now, django_assert_num_queries):
    MonitoredNumberFactory(account=account, next_action_at=now)
    lookups.look_up_due(now)
    provider.cards.pop()
    engines.sync_engines()
    assert retirement.retire_engines(now) == 1
    assert retirement.retire_engines(now) == 0
    with django_assert_num_queries(1):
        assert retirement.retire_engines(now) == 0


def test_operators_connection_of_each_provider_is_created_once_and_kept(provider):
    connection = Connection.objects.get(provider="vendor")
    assert (connection.account, connection.settings, connection.is_active) == (None, {}, True)
    Connection.objects.update(is_active=False)
    engines.sync_engines()
    assert not Connection.objects.get(provider="vendor").is_active


def test_several_providers_may_speak_for_one_engine(use_providers):
    first, second = use_providers(FakeProvider, FakeLookUps)
    first.cards[0] = EngineInfo("alpha", "Alpha of the first")
    second.cards[0] = EngineInfo("alpha", "Alpha of the second")
    engines.sync_engines()
    assert Engine.objects.get(slug="alpha").name == "Alpha of the first"


def test_monitored_numbers_are_registered_with_a_new_engine(provider, account, now, after_enabling):
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


def test_backfill_of_a_new_engine_waits_for_older_transactions(provider, account, now):
    MonitoredNumberFactory(account=account, next_action_at=now)
    assert engines.backfill_new_engines(now) == 0
    assert engines.backfill_new_engines(now + engines.BACKFILL_DELAY + days(1)) == 2


def test_engine_is_backfilled_again_only_after_it_was_out_of_use(
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


def test_backfill_works_in_chunks_from_a_stored_cursor(provider, account, after_enabling, monkeypatch):
    monkeypatch.setattr(engines, "CHUNK", 2)
    for _ in range(5):
        MonitoredNumberFactory(account=account)
    assert [engines.backfill_new_engines(after_enabling) for _ in range(4)] == [4, 4, 2, 0]
    assert Registration.objects.count() == 10


def test_retired_engine_ends_its_tags_as_not_monitored_and_cancels_their_cases(provider, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels[number.e164, "beta"] = "Spam Likely"
    lookups.look_up_due(now)
    provider.cards.pop()
    engines.sync_engines()
    later = now + days(1)
    assert retirement.retire_engines(later) == 1
    assert retirement.retire_engines(later) == 0
    number.refresh_from_db()
    assert Tag.objects.get().end_reason == "retired"
    assert Case.objects.get().state == "cancelled"
    assert number.spam_status == PhoneNumber.SpamStatus.CLEAN
    assert AuditEvent.objects.filter(code="tag.unwatched", account=account).count() == 1


def test_query_count_of_backfill_and_retirement_is_the_same_for_5_and_500_numbers(
    provider, account, now, after_enabling
):
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
            assert retirement.retire_engines(now) == count
        Engine.objects.filter(slug="beta").update(in_use=True)
        counts.append((len(registering), len(letting_go)))
    assert counts[0] == counts[1]
