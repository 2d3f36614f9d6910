"""Tags end that no look-up supports any more."""

import pytest

from portal.models import AuditEvent
from reputation.models import Case, Check, Engine, EngineRole, PhoneNumber, Tag
from reputation.monitoring import engines, lookups, retirement
from reputation.service_clock import days
from tests.factories import MonitoredNumberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def tagged(provider, account, now) -> PhoneNumber:
    """A number that the provider `vendor` found labelled by Alpha."""
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    provider.labels[number.e164, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)
    return number


def test_a_label_of_a_provider_that_no_longer_looks_up_ends_although_the_engine_is_in_use(tagged, now):
    EngineRole.objects.create(engine=Engine.objects.get(slug="alpha"), provider="other", role="look_up")
    EngineRole.objects.filter(engine__slug="alpha", provider="vendor", role="look_up").delete()
    Engine.objects.filter(slug="alpha").update(needs_retirement=True)
    assert retirement.retire_engines(now + days(1)) == 1
    assert retirement.retire_engines(now + days(1)) == 0
    assert Tag.objects.get().end_reason == "retired"
    assert Case.objects.get().state == "cancelled"
    assert not Check.objects.filter(engine__slug="alpha", is_current=True).exists()
    assert AuditEvent.objects.filter(code="tag.unwatched").count() == 1


def test_a_label_that_another_provider_still_finds_stays(tagged, now):
    alpha = Engine.objects.get(slug="alpha")
    EngineRole.objects.create(engine=alpha, provider="other", role="look_up")
    check = Check.objects.get(engine=alpha, is_current=True)
    check.pk, check.provider = None, "other"
    check.save()
    EngineRole.objects.filter(engine=alpha, provider="vendor", role="look_up").delete()
    Engine.objects.filter(slug="alpha").update(needs_retirement=True)
    retirement.retire_engines(now)
    assert Tag.objects.active().count() == 1
    assert list(Check.objects.filter(engine=alpha, is_current=True).values_list("provider", flat=True)) == ["other"]


def test_an_engine_is_marked_when_a_provider_stops_looking_it_up(tagged):
    Engine.objects.update(needs_retirement=False)
    EngineRole.objects.create(engine=Engine.objects.get(slug="alpha"), provider="gone", role="look_up")
    engines.sync_engines()
    assert list(Engine.objects.filter(needs_retirement=True).values_list("slug", flat=True)) == ["alpha"]
