"""Fixtures for webhooks: a receiver, an endpoint, and numbers whose changes are sent."""

import pytest

from tests.factories import PhoneNumberFactory, WebhookEndpointFactory
from tests.portal.webhooks.receiver import run_receiver


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(account, request):
    """An endpoint of the account for all events, with the URL of the `receiver` if the test uses it."""
    url = {"url": request.getfixturevalue("receiver").url} if "receiver" in request.fixturenames else {}
    return WebhookEndpointFactory(account=account, **url)


@pytest.fixture
def numbers(account, provider):
    return [PhoneNumberFactory(account=account).pk for _ in range(3)]
