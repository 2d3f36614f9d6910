"""PROVIDERS names classes that are checked when they are loaded. An instance belongs to a connection."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from reputation.models import Connection
from reputation.providers import registry
from reputation.providers.protocol import EngineInfo, Limits, Prices, Role
from reputation.providers.simulated import SimulatedProvider
from tests.factories import AccountFactory
from tests.support.provider import FakeLookUps, FakeProvider


class Rival(SimulatedProvider):
    """Speaks for the same engines as the simulated provider."""

    name = "rival"


class Unnamed(FakeLookUps):
    name = ""


class WithoutRoles(FakeLookUps):
    roles = frozenset()


class RolesAsSet(FakeLookUps):
    roles = {Role.LOOK_UP}


class WithoutLimits(FakeLookUps):
    limits = None


class WithoutPrices(FakeLookUps):
    prices = 1


class PromisesTooMuch(FakeLookUps):
    roles = frozenset({Role.LOOK_UP, Role.REGISTER})


class DoesTooMuch(FakeProvider):
    roles = frozenset({Role.LOOK_UP, Role.REGISTER})


class EnginesOfInstance(FakeLookUps):
    def engines(self):
        return []


class EnginesAsText(FakeLookUps):
    @classmethod
    def engines(cls):
        return ["alpha"]


class OneEngineTwice(FakeLookUps):
    @classmethod
    def engines(cls):
        return [EngineInfo("alpha", "Alpha"), EngineInfo("alpha", "Alpha")]


class LongSlug(FakeLookUps):
    @classmethod
    def engines(cls):
        return [EngineInfo("a" * 51, "Alpha")]


class NeedsSettings:
    """Reads a setting of its connection."""

    name = "needs-settings"
    roles = frozenset({Role.LOOK_UP})
    limits = Limits()
    prices = Prices()

    def __init__(self, connection):
        self.connection = connection

    @classmethod
    def engines(cls):
        return [EngineInfo("alpha", "Alpha")]

    def look_up(self, numbers):
        return []


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_built_in_provider_is_a_provider(settings, name):
    settings.PROVIDERS = [name]
    assert registry.get_providers()[name].name == name


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["simulatd"], r"names 'simulatd', which is neither built in \(simulated, complaints"),
        (["nowhere.Provider"], "nor the dotted path"),
        (["datetime.datetime.now"], "nor the dotted path"),
        (["collections.abc"], "It is not a class"),
        (["collections.OrderedDict"], "which is no provider. `name` must be"),
        (["simulated", "reputation.providers.simulated.SimulatedProvider"], "names the provider simulated twice"),
        ([f"{__name__}.Unnamed"], "`name` must be a text of 1 to 40 characters"),
        ([f"{__name__}.WithoutRoles"], "`roles` must be a frozenset of one Role or more"),
        ([f"{__name__}.RolesAsSet"], "`roles` must be a frozenset of one Role or more"),
        ([f"{__name__}.WithoutLimits"], "`limits` must be a Limits"),
        ([f"{__name__}.WithoutPrices"], "`prices` must be a Prices"),
        ([f"{__name__}.PromisesTooMuch"], "lacks the operation verify, which its roles .look_up, register. need"),
        ([f"{__name__}.DoesTooMuch"], "has the operation submit, which none of its roles .look_up, register. needs"),
        ([f"{__name__}.EnginesOfInstance"], "`engines` must be a classmethod"),
        ([f"{__name__}.EnginesAsText"], "`engines..` must return a list of EngineInfo"),
        ([f"{__name__}.OneEngineTwice"], "returns an engine twice"),
        ([f"{__name__}.LongSlug"], "needs a slug of 1 to 50"),
    ],
)
def test_invalid_provider_setting_raises_a_clear_error(settings, names, said):
    settings.PROVIDERS = names
    with pytest.raises(ImproperlyConfigured, match=said):
        registry.get_providers()


def test_several_providers_may_speak_for_the_same_engine(settings):
    settings.PROVIDERS = ["simulated", f"{__name__}.Rival"]
    assert list(registry.get_providers()) == ["simulated", "rival"]


@pytest.mark.django_db
def test_provider_is_created_once_for_each_connection_and_again_when_its_settings_change(settings):
    settings.PROVIDERS = [f"{__name__}.NeedsSettings"]
    of_operator = Connection.objects.create(provider="needs-settings", settings={"region": "us"})
    own = Connection.objects.create(provider="needs-settings", account=AccountFactory(), settings={"region": "us"})
    provider = registry.create_provider(of_operator)
    assert registry.create_provider(Connection.objects.get(pk=of_operator.pk)) is provider
    assert registry.create_provider(own) is not provider
    assert registry.create_provider(own).connection.account_id == own.account_id
    Connection.objects.filter(pk=of_operator.pk).update(settings={"region": "eu"})
    changed = registry.create_provider(Connection.objects.get(pk=of_operator.pk))
    assert (provider.connection.values, changed.connection.values) == ({"region": "us"}, {"region": "eu"})
