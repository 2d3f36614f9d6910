"""The provider `desk`: the account's own people ask, so the portal calls nobody."""

import pytest

from reputation.models import EngineRole
from reputation.monitoring import roles
from reputation.providers.connections import get_engines_asked_by_people, group_by_connection
from reputation.providers.desk import DeskProvider
from reputation.providers.handset import HandsetProvider
from reputation.providers.protocol import EngineInfo
from reputation.providers.registry import find_faults
from tests.factories import SubmissionFactory
from tests.support.provider import FakeProvider, FakeVendor

pytestmark = pytest.mark.django_db


class Acme(FakeProvider):
    name = "acme"
    vendor = FakeVendor(EngineInfo("hiya", "Hiya"))


def test_people_ask_the_engines_whose_labels_telephones_show(switch_providers):
    switch_providers("handset", "desk")
    remediating = EngineRole.objects.filter(role="remediate")
    assert set(remediating.values_list("engine__slug", flat=True)) == {info.slug for info in HandsetProvider.engines()}
    assert get_engines_asked_by_people() == set(remediating.values_list("engine", flat=True))
    assert not EngineRole.objects.filter(role="register").exists()


def test_nobody_is_called_for_them(switch_providers):
    switch_providers("handset", "desk")
    role = EngineRole.objects.filter(role="remediate").first()
    submission = SubmissionFactory(engine=role.engine)
    assert group_by_connection([submission], "remediate") == {}


def test_an_operator_may_choose_another_provider_for_an_engine(switch_providers, now):
    switch_providers("handset", "desk", f"{__name__}.Acme")
    role = EngineRole.objects.get(role="remediate", engine__slug="hiya")
    assert role.provider == "desk"
    assert roles.get_declaring_providers(role.engine, "remediate") == ["desk", "acme"]
    roles.choose_provider(role, "acme", now=now)
    assert role.engine_id not in get_engines_asked_by_people()
    submission = SubmissionFactory(engine=role.engine)
    assert [connection.provider for connection in group_by_connection([submission], "remediate")] == ["acme"]


def test_provider_by_people_needs_no_operations_to_remediate_and_may_have_none():
    class WithOperation(DeskProvider):
        def submit(self, requests):
            return []

    assert list(find_faults(DeskProvider)) == []
    assert "It has the operation submit" in " ".join(find_faults(WithOperation))
    WithOperation.by_people = False
    assert "It lacks the operation poll" in " ".join(find_faults(WithOperation))


def test_without_such_a_provider_nothing_is_queried(switch_providers, django_assert_num_queries):
    switch_providers("handset")
    with django_assert_num_queries(0):
        assert get_engines_asked_by_people() == set()
