"""Which provider looks up, registers and remediates for an engine."""

import pytest

from portal.audit import Context
from reputation.models import Engine, EngineRole, PhoneNumber, Registration, Submission
from reputation.monitoring import capability, engines, roles, verification
from reputation.monitoring.engines import BACKFILL_DELAY
from reputation.providers.protocol import EngineInfo, Evidence, Role, Stage
from reputation.remediation import sweep
from reputation.service_clock import days
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory
from tests.support.lookups import create_due_numbers, look_up_all
from tests.support.provider import FakeLookUps, FakeProvider

pytestmark = pytest.mark.django_db


class Rival(FakeProvider):
    """Has all roles for the same engines."""

    name = "rival"


def get_roles(engine="alpha"):
    rows = EngineRole.objects.filter(engine__slug=engine).order_by("role", "provider")
    return [(row.role, row.provider) for row in rows]


def test_all_declaring_providers_look_up_and_the_first_one_registers_and_remediates(use_providers):
    use_providers(FakeLookUps, FakeProvider, Rival)
    assert get_roles() == [
        ("look_up", "look-ups"),
        ("look_up", "rival"),
        ("look_up", "vendor"),
        ("register", "vendor"),
        ("remediate", "vendor"),
    ]


def test_role_tells_what_the_look_ups_are_based_on(provider):
    assert set(EngineRole.objects.filter(role="look_up").values_list("evidence", flat=True)) == {"engine_data"}
    provider.cards[0] = EngineInfo("alpha", "Alpha", evidence=Evidence.COMPLAINTS)
    engines.sync_engines()
    assert EngineRole.objects.get(engine__slug="alpha", role="look_up").evidence == "complaints"
    assert set(EngineRole.objects.exclude(role="look_up").values_list("evidence", flat=True)) == {""}


def test_provider_chosen_by_an_operator_is_kept_until_it_is_out_of_use(use_providers, now):
    use_providers(FakeProvider, Rival)
    assigned = EngineRole.objects.get(engine__slug="alpha", role="remediate")
    assert roles.get_declaring_providers(assigned.engine, "remediate") == ["vendor", "rival"]
    roles.choose_provider(assigned, "rival", now=now)
    engines.sync_engines()
    assert ("remediate", "rival") in get_roles()
    use_providers(FakeProvider)
    assert get_roles() == [("look_up", "vendor"), ("register", "vendor"), ("remediate", "vendor")]


def test_role_that_a_provider_no_longer_declares_goes_to_another(use_providers):
    vendor, _ = use_providers(FakeProvider, Rival)
    vendor.cards.pop(0)
    engines.sync_engines()
    assert get_roles() == [("look_up", "rival"), ("register", "rival"), ("remediate", "rival")]
    assert get_roles("beta")[-2:] == [("register", "vendor"), ("remediate", "vendor")]


def test_requests_that_the_former_provider_did_not_answer_go_to_the_new_one(use_providers, account, now):
    former, new = use_providers(FakeProvider, Rival)
    former.answers["verify"] = {"stage": Stage.RECEIVED}
    number = PhoneNumberFactory(account=account)
    capability.enable([number.pk], context=Context.system(now))
    verification.verify_due(now)
    (labelled,) = create_due_numbers(account, 1)
    former.labels[labelled.e164, "alpha"] = "Spam Likely"
    look_up_all(now)
    sweep.advance_due(now)
    for assigned in EngineRole.objects.filter(role__in=("register", "remediate")):
        roles.choose_provider(assigned, "rival", now=now)
    later = now + days(1)
    verification.verify_due(later)
    sweep.advance_due(later)
    number.refresh_from_db()
    assert number.capability == PhoneNumber.Capability.ON
    assert new.called("verify") == [[number.e164]]
    assert [request.idempotency_key for request in new.called("submit")[0]] == [
        f"submission-{Submission.objects.get().pk}-2"
    ]
    assert new.called("poll") == []


def test_monitored_numbers_are_registered_once_a_provider_registers_with_the_engine(use_providers, account, now):
    use_providers(FakeLookUps)
    number = MonitoredNumberFactory(account=account, next_action_at=now)
    later = now + BACKFILL_DELAY + days(1)
    assert engines.backfill_new_engines(later) == 0
    use_providers(FakeLookUps, FakeProvider)
    assert engines.backfill_new_engines(later) == 2
    assert engines.backfill_new_engines(later) == 0
    assert set(Registration.objects.values_list("number", "state")) == {(number.pk, "waiting")}


def test_engine_without_a_registering_provider_gets_no_registrations(use_providers, account, now):
    use_providers(FakeLookUps)
    number = PhoneNumberFactory(account=account)
    assert engines.register_numbers([number.pk], now=now) == 0
    engine = Engine.objects.get(slug="alpha")
    assert engines.register_numbers([number.pk], engine, now=now) == 0


def test_every_role_of_the_table_is_one_of_the_protocol():
    assert set(EngineRole.Role.values) == {role.value for role in roles.ASSIGNED_ROLES} <= {role.value for role in Role}
