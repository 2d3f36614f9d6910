"""Fixtures for every test: an account with an owner, an admin and a viewer, and a browser for each."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.licensing import Product
from portal.audit import Actor
from portal.models import Account, Member
from reputation.matching import recorder
from tests.every_url import an_api_key
from tests.factories import AccountFactory, ApplicationFactory, LicenceFactory, MemberFactory


@pytest.fixture
def account(db) -> Account:
    return AccountFactory(name="Cascade Solar LLC")


@pytest.fixture
def enrolled(account) -> Account:
    """The account with an approved enrollment and Contact Center Elite: it may enable numbers in campaigns."""
    ApplicationFactory(account=account)
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
    return account


@pytest.fixture
def owner(account) -> Member:
    return MemberFactory(account=account, role=Member.Role.OWNER)


@pytest.fixture
def admin(account) -> Member:
    """An admin of the account (a reviewer in Django admin is `reviewer`)."""
    return MemberFactory(account=account, role=Member.Role.ADMIN)


@pytest.fixture
def viewer(account) -> Member:
    return MemberFactory(account=account, role=Member.Role.VIEWER)


@pytest.fixture
def signed_in() -> Callable[[Member], Client]:
    """A client signed in as the member's user."""

    def sign_in(member: Member) -> Client:
        client = Client()
        client.force_login(member.user)
        return client

    return sign_in


@pytest.fixture
def as_owner(owner, signed_in) -> Client:
    return signed_in(owner)


@pytest.fixture
def as_admin(admin, signed_in) -> Client:
    return signed_in(admin)


@pytest.fixture
def as_viewer(viewer, signed_in) -> Client:
    return signed_in(viewer)


@pytest.fixture
def with_key() -> Callable[..., Client]:
    """A client that calls the API with a new key of the account, which has these scopes (none named: all)."""

    def make(account: Account, *scopes: str) -> Client:
        return Client(headers={"Authorization": f"Bearer {an_api_key(account, *scopes)[1]}"})

    return make


@pytest.fixture
def api(account, with_key) -> Client:
    """The API, with a key of the account that may do everything."""
    return with_key(account)


@pytest.fixture
def actor(admin) -> Actor:
    return Actor(user=admin.user, via="web")


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture(autouse=True)
def simulated_engines_begin_anew(settings, tmp_path_factory) -> None:
    """What the simulated engines remember is not the database's, so that no test rolls it back."""
    settings.SIMULATED_DIR = tmp_path_factory.mktemp("simulated")


@pytest.fixture(autouse=True)
def decisions_are_written_when_the_test_says(monkeypatch) -> None:
    """By no thread of its own, which would see nothing of the test's transaction, and none of another test."""
    monkeypatch.setattr(recorder, "_begin_to_write", lambda: None)
    recorder._of_numbers.clear()
    recorder._of_campaigns.clear()
