"""Signing in with second factors: passkeys on a virtual authenticator, an app's codes, recovery codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from portal.models import Member
from tests.browser.helpers import NARROW, accessibility_violations, screenshot
from tests.factories import AccountFactory, MemberFactory
from tests.support.second_factors import get_code

PASSWORD = "correct horse battery"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def member(live_url) -> Member:
    return MemberFactory(account=AccountFactory(), role=Member.Role.ADMIN)


@pytest.fixture
def open_with_authenticator(open_page, live_url) -> Callable[..., Page]:
    """Opens a page whose browser has a device for passkeys. Passkeys belong to a name, and an address is none."""

    def open_one(**options) -> Page:
        page = open_page(live_url.replace("127.0.0.1", "localhost"), **options)
        devices = page.context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        return page

    return open_one


def send_password(page: Page, member: Member) -> None:
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(member.user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in/")


def add_passkey(page: Page) -> None:
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Work laptop")
    assert accessibility_violations(page) == []
    page.get_by_role("button", name="Add the passkey").click()
    page.wait_for_url("**/account/sign-in/codes/")


def test_passkey_signs_in_without_a_password(open_with_authenticator, member):
    page = open_with_authenticator()
    send_password(page, member)
    page.wait_for_url("**/")
    page.goto("/account/sign-in/")
    assert accessibility_violations(page) == []
    add_passkey(page)
    page.goto("/account/sign-in/")
    expect(page.get_by_text("Work laptop").first).to_be_visible()
    screenshot(page, "your-sign-in")
    sign_out(page)
    screenshot(page, "sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: url.endswith("localhost:" + url.split(":")[2].split("/")[0] + "/"))
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


def test_passkey_leads_to_the_page_that_was_asked_for(open_with_authenticator, member):
    page = open_with_authenticator()
    send_password(page, member)
    page.wait_for_url("**/")
    page.goto("/account/sign-in/")
    add_passkey(page)
    sign_out(page)
    page.goto("/account/members/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account/members/")


def test_passkey_that_the_device_does_not_have_is_explained(open_with_authenticator):
    page = open_with_authenticator(width=NARROW, dark=True)
    page.goto("/sign-in/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The browser gave no passkey")
    screenshot(page, "sign-in-no-passkey")
    assert accessibility_violations(page) == []


def test_without_scripts_the_page_says_that_passkeys_need_them(open_page, live_url):
    page = open_page(live_url, scripts=False)
    page.goto("/sign-in/")
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()


def test_app_then_recovery_code(open_page, live_url, member):
    page = open_page(live_url)
    send_password(page, member)
    page.wait_for_url("**/")
    page.goto("/account/sign-in/")
    page.get_by_role("link", name="Set up an app").click()
    assert accessibility_violations(page) == []
    screenshot(page, "set-up-an-app")
    code = get_code(page.locator("code.token").inner_text())
    page.get_by_label("Code that the app shows").fill(code)
    page.get_by_role("button", name="Use the app").click()
    page.wait_for_url("**/account/sign-in/codes/")
    assert accessibility_violations(page) == []
    screenshot(page, "recovery-codes")
    recovery = page.locator("main li code").first.inner_text()
    sign_out(page)
    send_password(page, member)
    page.wait_for_url("**/sign-in/second-factor/")
    assert accessibility_violations(page) == []
    screenshot(page, "second-factor")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("This code is not right")).to_be_visible()
    page.get_by_label("Code").fill(recovery)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/")
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


def test_member_of_an_account_that_requires_a_factor_adds_one_and_goes_on(open_with_authenticator, member):
    member.account.requires_second_factor = True
    member.account.save()
    page = open_with_authenticator()
    send_password(page, member)
    page.wait_for_url("**/account/sign-in/")
    expect(page.get_by_text("needs a second factor of you")).to_be_visible()
    screenshot(page, "second-factor-required")
    assert accessibility_violations(page) == []
    add_passkey(page)
    page.goto("/account/members/")
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def test_session_on_another_device_is_ended(open_page, live_url, member):
    phone, laptop = open_page(live_url, width=NARROW), open_page(live_url)
    for page in (phone, laptop):
        send_password(page, member)
        page.wait_for_url("**/")
    laptop.goto("/account/sign-in/")
    expect(laptop.get_by_role("row")).to_have_count(3)
    laptop.get_by_role("row").filter(has_not_text="this one").get_by_role("button").click()
    expect(laptop.get_by_text("was signed out")).to_be_visible()
    phone.reload()
    phone.wait_for_url("**/sign-in/**")
    laptop.reload()
    expect(laptop.get_by_role("row")).to_have_count(2)
