"""Fixtures of the API tests."""

import pytest

from portal.models import ApiKey


@pytest.fixture
def api_key(api_client) -> ApiKey:
    return ApiKey.objects.get()
