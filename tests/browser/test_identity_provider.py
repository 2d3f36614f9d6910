"""Signing in with an identity provider that runs as a process of its own."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Page, expect

from portal.authentication.reauthentication import AUTHENTICATED_AT
from portal.models import ApiKey, Member, User
from tests.browser.helpers import NARROW, accessibility_violations, screenshot
from tests.factories import AccountFactory, MemberFactory, UserFactory
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, PASSWORD, identity_provider
from tests.support.second_factors import add_app, get_code

NAME = "Cascade ID"


@pytest.fixture(scope="module")
def provider(live_server, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The address of a running provider, and its folder."""
    folder = tmp_path_factory.mktemp("provider")
    with identity_provider(folder, live_server.url) as issuer:
        yield issuer, folder


@pytest.fixture(autouse=True)
def use_provider(provider, settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_NAME = provider[0], NAME
    settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET


@pytest.fixture
def member(live_url) -> Member:
    user = UserFactory(email="pat@example.com")
    return MemberFactory(user=user, account=AccountFactory(), role=Member.Role.OWNER)


def choose_provider(page: Page) -> None:
    page.goto("/sign-in/?next=/account/members/")
    page.get_by_role("button", name=f"Sign in with {NAME}").click()


def sign_in_at_provider(page: Page, name: str = "pat") -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def forget_confirmation() -> None:
    """As if the person had signed in more than 15 minutes ago."""
    for session in Session.objects.all():
        store = SessionStore(session.session_key)
        store[AUTHENTICATED_AT] = 0
        store.save()


def test_member_signs_in_with_the_provider(open_page, live_url, member):
    page = open_page(live_url)
    choose_provider(page)
    sign_in_at_provider(page)
    page.wait_for_url("**/account/members/")
    link = SocialAccount.objects.get(user=member.user)
    assert link.extra_data == {}
    # From now on the provider's own name for the person counts, not the address.
    User.objects.filter(pk=member.user_id).update(email="renamed@example.com")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in/")
    screenshot(page, "sign-in-with-provider")
    assert accessibility_violations(page) == []
    choose_provider(page)
    page.wait_for_url("**/account/members/")


def test_provider_names_somebody_unknown(open_page, live_url):
    page = open_page(live_url, width=NARROW, dark=True)
    choose_provider(page)
    sign_in_at_provider(page, "stranger")
    expect(page.get_by_text("nobody is known here as stranger@example.com")).to_be_visible()
    screenshot(page, "sign-in-with-provider-unknown")
    assert not User.objects.filter(email="stranger@example.com").exists()


def test_address_that_is_not_verified_signs_nobody_in(open_page, live_url, member, settings):
    User.objects.filter(pk=member.user_id).update(email="kim@example.com")
    page = open_page(live_url)
    choose_provider(page)
    sign_in_at_provider(page, "kim")
    expect(page.get_by_text("names no verified e-mail address of you")).to_be_visible()
    settings.OIDC_TRUST_EMAIL = True
    choose_provider(page)
    page.wait_for_url("**/account/members/")


def test_second_factor_of_the_portal_comes_after_the_provider(open_page, live_url, member):
    secret = add_app(member.user)
    page = open_page(live_url)
    choose_provider(page)
    sign_in_at_provider(page)
    page.wait_for_url("**/sign-in/second-factor/**")
    page.get_by_label("Code").fill(get_code(secret))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account/members/")


def test_what_needs_a_confirmation_is_done_after_another_sign_in_at_the_provider(open_page, live_url, member):
    User.objects.filter(pk=member.user_id).update(password="!")
    page = open_page(live_url)
    choose_provider(page)
    sign_in_at_provider(page)
    page.wait_for_url("**/account/members/")
    page.goto(reverse("api-key-create"))
    page.get_by_label("Name").fill("Dialer")
    page.get_by_label("Match: Ask").check()
    forget_confirmation()
    page.get_by_role("button", name="Make the key").click()
    page.wait_for_url("**/account/confirm/provider/**")
    screenshot(page, "confirm-with-provider")
    assert accessibility_violations(page) == []
    page.get_by_role("link", name=f"Sign in again with {NAME}").click()
    sign_in_at_provider(page)
    expect(page.get_by_label("The key")).to_be_visible()
    assert ApiKey.objects.filter(name="Dialer").count() == 1


def test_sign_in_of_long_ago_at_the_provider_is_no_confirmation(open_page, live_url, member, provider):
    """A provider that does not ask again answers for whoever signed in there first, and somebody else may sit there."""
    page = open_page(live_url)
    choose_provider(page)
    sign_in_at_provider(page)
    page.wait_for_url("**/account/members/")
    with closing(sqlite3.connect(provider[1] / "provider.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE auth_user SET last_login = '2026-01-01 00:00:00'")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in/")
    choose_provider(page)
    page.wait_for_url("**/account/members/")
    page.goto(reverse("members"))
    page.get_by_label("E-mail").fill("new@example.com")
    page.get_by_role("button", name="Invite").click()
    page.wait_for_url("**/account/confirm/**")
    # The person at the browser takes the request for another sign-in out of the address.
    answer = page.request.get(reverse("openid-connect-begin-confirmation"), max_redirects=0)
    page.goto(re.sub("&?(prompt|max_age)=[^&]*", "", answer.headers["location"]))
    expect(page.get_by_text("does not say that you signed in again")).to_be_visible()
    assert not User.objects.filter(email="new@example.com").exists()
