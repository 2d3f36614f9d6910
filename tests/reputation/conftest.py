"""Fixtures for monitoring: a provider that does what a test tells it, instead of the simulated engines."""

import pytest

from reputation.monitoring import engines
from reputation.providers import registry
from tests.reputation.vendor import Vendor


@pytest.fixture
def vendor(db, settings) -> Vendor:
    """The one provider in use, with the engines Alpha and Beta."""
    registry._providers.cache_clear()
    settings.PROVIDERS = ["tests.reputation.vendor.Vendor"]
    engines.sync_engines()
    yield registry.providers()["vendor"]
    registry._providers.cache_clear()
