"""Numbers are registered by the provider that registers with each engine; without one, *Enable* turns them on."""

import pytest

from portal.audit import Context
from portal.models import AuditEvent
from reputation.models import Connection, EngineRole, PhoneNumber, Registration
from reputation.monitoring import capability, engines, lookups, verification
from reputation.providers.protocol import Stage
from tests.factories import AccountFactory, PhoneNumberFactory
from tests.support.provider import FakeLookUps, FakeProvider

pytestmark = pytest.mark.django_db

Capability = PhoneNumber.Capability


class Rival(FakeProvider):
    name = "rival"


def create_enabled(account, now, count=1):
    numbers = [PhoneNumberFactory(account=account) for _ in range(count)]
    capability.enable([number.pk for number in numbers], context=Context.system(now))
    for number in numbers:
        number.refresh_from_db()
    return numbers


def test_without_a_registering_provider_enable_turns_numbers_on_at_once(use_providers, account, actor, now):
    (vendor,) = use_providers(FakeLookUps)
    number = PhoneNumberFactory(account=account)
    assert capability.enable([number.pk], context=Context(actor, now)) == [number.pk]
    number.refresh_from_db()
    assert (number.capability, number.next_action_at) == (Capability.ON, now)
    assert number.spam_status == PhoneNumber.SpamStatus.UNKNOWN
    events = AuditEvent.objects.filter(subject_id=number.pk, code__startswith="capability.").order_by("pk")
    assert [(event.code, event.before, event.after, event.actor) for event in events] == [
        ("capability.verifying", "off", "verifying", actor.user),
        ("capability.on", "verifying", "on", actor.user),
    ]
    assert not Registration.objects.exists()
    assert lookups.look_up_due(now) == 1
    assert vendor.called("look_up") == [[number.e164]]


def test_only_engines_with_a_registering_provider_are_asked_and_shown(use_providers, account, now):
    _, registers = use_providers(FakeLookUps, FakeProvider)
    registers.cards.pop()
    registers.answers["verify"] = {"stage": Stage.RECEIVED}
    engines.sync_engines()
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    assert list(Registration.objects.values_list("engine__slug", flat=True)) == ["alpha"]
    assert verification.get_progress([number.pk], now) == {number.pk: "0 of 1 engine"}


def test_number_is_on_once_nobody_registers_with_the_engine_that_it_waits_for(use_providers, account, now):
    (vendor, _) = use_providers(FakeProvider, FakeLookUps)
    vendor.answers["verify"] = {"stage": Stage.RECEIVED}
    (number,) = create_enabled(account, now)
    use_providers(FakeLookUps)
    verification.verify_due(now)
    number.refresh_from_db()
    assert number.capability == Capability.ON


def test_numbers_are_registered_and_withdrawn_over_their_accounts_connection(provider, account, now):
    own_account = AccountFactory()
    Connection.objects.create(provider="vendor", account=own_account)
    (number,), (own,) = create_enabled(account, now), create_enabled(own_account, now)
    verification.verify_due(now)
    assert provider.asked_by == [(None, "verify", [number.e164]), (own_account.pk, "verify", [own.e164])]
    provider.asked_by.clear()
    capability.disable([number.pk, own.pk], context=Context.system(now))
    verification.withdraw_due(now)
    assert [(asked_by, operation) for asked_by, operation, _ in provider.asked_by] == [
        (None, "withdraw"),
        (own_account.pk, "withdraw"),
    ]


def test_same_number_over_another_connection_does_not_keep_a_registration(provider, account, now):
    own_account = AccountFactory()
    Connection.objects.create(provider="vendor", account=own_account)
    (mine,) = create_enabled(account, now)
    theirs = PhoneNumberFactory(account=own_account, e164=mine.e164)
    capability.enable([theirs.pk], context=Context.system(now))
    verification.verify_due(now)
    capability.disable([mine.pk], context=Context.system(now))
    verification.withdraw_due(now)
    assert [len(references) for references in provider.called("withdraw")] == [2]


def test_registrations_go_to_the_provider_that_an_operator_chose(use_providers, account, now):
    vendor, rival = use_providers(FakeProvider, Rival)
    EngineRole.objects.filter(role="register", engine__slug="beta").update(provider="rival")
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    number.refresh_from_db()
    assert number.capability == Capability.ON
    references = Registration.objects.order_by("engine__slug").values_list("engine__slug", "reference")
    assert list(references) == [("alpha", f"v-alpha-{number.e164}"), ("beta", f"v-beta-{number.e164}")]
    assert (len(vendor.called("verify")), len(rival.called("verify"))) == (1, 1)


def test_registrations_of_a_provider_out_of_use_count_as_withdrawn(use_providers, account, now):
    use_providers(FakeProvider)
    (number,) = create_enabled(account, now)
    verification.verify_due(now)
    use_providers(FakeLookUps)
    capability.disable([number.pk], context=Context.system(now))
    verification.withdraw_due(now)
    assert set(Registration.objects.values_list("state", flat=True)) == {"withdrawn"}
