"""The provider `handset` observes: it is never asked, and no number waits for it."""

import pytest

from reputation.models import Engine, EngineRole
from reputation.monitoring import engines, lookups
from reputation.monitoring.carriers import KNOWN_ENGINES
from reputation.providers.handset import HandsetProvider
from tests.factories import MonitoredNumberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def handset(settings):
    settings.PROVIDERS = ["handset"]
    engines.sync_engines()


def test_it_speaks_for_every_engine_of_the_table_of_carriers_and_an_unknown_one(handset):
    assert {known.slug for known in KNOWN_ENGINES} | {"unknown"} == {info.slug for info in HandsetProvider.engines()}
    assert set(Engine.objects.filter(in_use=True).values_list("slug", flat=True)) == {
        info.slug for info in HandsetProvider.engines()
    }
    assert set(EngineRole.objects.values_list("role", "evidence")) == {("observe", "handset")}


def test_a_round_of_look_ups_ends_without_it(handset, account, now):
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    assert lookups.look_up_due(now) == 1
    number.refresh_from_db()
    assert number.lookup_round_started_at is None
    assert number.next_action_at > now
