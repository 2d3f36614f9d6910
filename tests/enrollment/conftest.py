"""Fixtures of enrollment tests: a complete form in its states, and a reviewer."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from enrollment.models import Application
from portal.audit import Actor, Context
from portal.audit.identities import get_identity
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
    """The reviewer, who has acted before: the first event of a person costs three more queries."""
    get_identity(reviewer, now=timezone.now())
    return Actor(user=reviewer, via="admin")


@pytest.fixture
def as_reviewer(reviewer) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client
