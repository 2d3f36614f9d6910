"""Fixtures of enrollment tests: a complete form in its states, and a reviewer."""

from __future__ import annotations

import pytest
from django.test import Client

from enrollment.models import Application
from portal.audit import Actor, Context
from portal.models import User
from tests.enrollment import form_data
from tests.factories import UserFactory


@pytest.fixture
def draft(account, actor, now) -> Application:
    return form_data.create_draft(account, Context(actor, now))


@pytest.fixture
def submitted(account, actor, now) -> Application:
    return form_data.create_submitted(account, Context(actor, now))


@pytest.fixture
def reviewer(db) -> User:
    return UserFactory(email="rita@example.com", staff_role=User.StaffRole.REVIEWER)


@pytest.fixture
def reviewer_actor(reviewer) -> Actor:
    return Actor(user=reviewer, via="admin")


@pytest.fixture
def as_reviewer(reviewer) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client
