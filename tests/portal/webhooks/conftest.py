import pytest

from tests.factories import WebhookEndpointFactory
from tests.reputation.conftest import provider  # noqa: F401


@pytest.fixture
def endpoint(account):
    """Of the account, told of everything."""
    return WebhookEndpointFactory(account=account)
