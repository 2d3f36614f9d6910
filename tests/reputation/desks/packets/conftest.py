"""Fixtures of packets: a desk, and requests of the account at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reputation.models import Desk, DeskRequest
from tests.support.desks import create_desk, create_request


@pytest.fixture
def desk(db) -> Desk:
    return create_desk()


@pytest.fixture
def make_request(account, desk, now) -> Callable[..., DeskRequest]:
    """Create a request of the account at the desk."""

    def make(**fields: Any) -> DeskRequest:
        return create_request(fields.pop("of", account), fields.pop("desk", desk), now=now, **fields)

    return make
