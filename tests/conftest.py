"""Fixtures of all tests: an account with its members, a client for each role, and a fake provider."""

import math
import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from django.utils import timezone

from portal.accounts.api_keys import use
from portal.accounts.licensing import Product
from portal.api import rate_limits
from portal.audit import Actor, protection
from portal.audit.identities import get_identity
from portal.db.background_writer import writer
from portal.jobs import failures, outages
from portal.models import Account, Member, User
from portal.phone import current_plan
from reputation.matching import recorder
from reputation.monitoring import engines, lateness
from reputation.providers import registry
from tests.factories import AccountFactory, ApplicationFactory, LicenceFactory, MemberFactory, UserFactory
from tests.support.flushing import write_flush
from tests.support.provider import FakeLookUps, FakeProvider, FakeVendor
from tests.support.urls import create_api_key

LONGEST_NAME = 60
"""Characters of a parameter that are still readable in the name of a test."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are processors: tests of whole portals wait for other processes a third of the time."""
    return (os.cpu_count() or 1) + 2


@pytest.hookimpl(trylast=True)  # after pytest-django, which puts the tests without the database last
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups that start portals or servers of their own.

    A group runs in one process for minutes. At the end, it would run alone.
    """
    items.sort(key=lambda item: not is_group_without_database(item))


def is_group_without_database(item: pytest.Item) -> bool:
    uses_database = item.get_closest_marker("django_db") or "db" in getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("xdist_group")) and not uses_database


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test by the parameter instead of by its value, if the value is a whole file.

    An archive holds the time at which it was made. The workers of pytest-xdist import the tests one after
    another, and refuse to begin if their names differ.
    """
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return argname
    return None


@pytest.fixture
def account(db) -> Account:
    return AccountFactory(name="Cascade Solar LLC")


@pytest.fixture
def enrolled_account(account) -> Account:
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
def client_for() -> Callable[[Member], Client]:
    """A client signed in as the member's user."""

    def sign_in(member: Member) -> Client:
        client = Client()
        client.force_login(member.user)
        return client

    return sign_in


@pytest.fixture
def as_owner(owner, client_for) -> Client:
    return client_for(owner)


@pytest.fixture
def as_admin(admin, client_for) -> Client:
    return client_for(admin)


@pytest.fixture
def as_viewer(viewer, client_for) -> Client:
    return client_for(viewer)


@pytest.fixture
def as_staff(db) -> Callable[[str], Client]:
    """A client signed in to Django admin as a new user with this staff role."""

    def sign_in(role: str) -> Client:
        client = Client()
        client.force_login(UserFactory(staff_role=role))
        return client

    return sign_in


@pytest.fixture
def as_operator(as_staff) -> Client:
    return as_staff(User.StaffRole.OPERATOR)


@pytest.fixture
def as_superuser(as_staff) -> Client:
    return as_staff(User.StaffRole.SUPERUSER)


@pytest.fixture
def api_client_for() -> Callable[..., Client]:
    """A client that calls the API with a new key of the account that has these scopes (default: all)."""

    def make(account: Account, *scopes: str) -> Client:
        return Client(headers={"Authorization": f"Bearer {create_api_key(account, *scopes)[1]}"})

    return make


@pytest.fixture
def api_client(account, api_client_for) -> Client:
    """A client that calls the API with a key that has all scopes."""
    return api_client_for(account)


@pytest.fixture
def actor(admin) -> Actor:
    """The admin, who has acted before: the first event of a person costs three more queries."""
    get_identity(admin.user, now=timezone.now())
    return Actor(user=admin.user, via="web")


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def provider(db, settings, use_providers) -> FakeVendor:
    """The vendor of the only provider in use, with the engines Alpha and Beta. Tests set its responses."""
    (vendor,) = use_providers(FakeProvider)
    return vendor


@pytest.fixture
def switch_providers(db, settings) -> Iterator[Callable[..., None]]:
    """Make the providers with these names the only ones in use."""

    def switch(*names: str) -> None:
        settings.PROVIDERS = list(names)
        registry._load_providers.cache_clear()
        engines.sync_engines()

    yield switch
    registry._load_providers.cache_clear()


@pytest.fixture
def use_providers(switch_providers, monkeypatch) -> Callable[..., list[FakeVendor]]:
    """Make these subclasses of FakeLookUps the only providers in use, and return their vendors, which are new."""

    def use(*providers: type[FakeLookUps]) -> list[FakeVendor]:
        for provider in providers:
            monkeypatch.setattr(provider, "vendor", FakeVendor(*provider.vendor.cards))
        switch_providers(*(f"{provider.__module__}.{provider.__qualname__}" for provider in providers))
        return [provider.vendor for provider in providers]

    return use


@pytest.fixture(autouse=True, scope="session")
def flush_without_triggers() -> Iterator[None]:
    """Empty the tables after a test that commits, also those whose rows the database keeps from being deleted."""

    def flush(self: BaseDatabaseOperations, statements: list[str]) -> None:
        protection.remove_triggers()
        execute(self, write_flush())

    operations = type(connection.ops)
    execute = operations.execute_sql_flush
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", flush)
        yield


@pytest.fixture(autouse=True)
def use_shipped_area_codes(monkeypatch) -> None:
    """The table in the database is not asked for: its query would come at some time in some test."""
    monkeypatch.setattr(current_plan, "_current", current_plan._Current())


@pytest.fixture(autouse=True)
def forget_outages(monkeypatch) -> None:
    """The process is in no outage. An earlier test may have reported one, which is then logged no more."""
    monkeypatch.setattr(outages, "_since", None)


@pytest.fixture(autouse=True)
def forget_failed_tasks(monkeypatch) -> None:
    """No task has failed. The database is not asked for failures: its query would come at some time in some test."""
    monkeypatch.setattr(failures, "_memory", failures._Memory(next_check=math.inf))


@pytest.fixture(autouse=True)
def look_ups_in_time(monkeypatch) -> None:
    """Pages do not ask whether look-ups are late: the query would come at some time in some test."""
    monkeypatch.setattr(lateness, "_answers", defaultdict(lambda: (None, math.inf)))


@pytest.fixture(scope="session")
def simulated_stores(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(autouse=True)
def reset_simulated_engines(settings, simulated_stores) -> None:
    """Give each test its own store of the simulated engines, since it is not rolled back with the database.

    The few tests that use it make the folder. `mktemp` for each test would list the folders of all tests before it.
    """
    settings.SIMULATED_DIR = simulated_stores / secrets.token_hex(8)


@pytest.fixture(autouse=True, scope="session")
def start_no_writer() -> Iterator[None]:
    """A writer thread would not see the tests' transactions. A browser may send a request between two tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "start", lambda: None)
        yield


@pytest.fixture(autouse=True)
def drop_counts_of_other_tests(monkeypatch) -> None:
    monkeypatch.setattr(rate_limits, "_limiter", rate_limits.RateLimiter())
    use.unwritten.clear()
    recorder._number_calls.clear()
    recorder._campaign_calls.clear()
