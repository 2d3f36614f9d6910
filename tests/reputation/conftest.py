"""Fixtures for monitoring: a provider that does what a test tells it, instead of the simulated engines."""

import pytest

from reputation.monitoring import engines
from reputation.providers import registry
from tests.support.provider import FakeProvider


@pytest.fixture
def provider(db, settings) -> FakeProvider:
    """The one provider in use, with the engines Alpha and Beta."""
    registry._load_providers.cache_clear()
    settings.PROVIDERS = ["tests.support.provider.FakeProvider"]
    engines.sync_engines()
    yield registry.get_providers()["vendor"]
    registry._load_providers.cache_clear()
