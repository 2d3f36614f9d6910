"""A session that ended while a page was open: the page shows nothing any more, but no input is lost."""

import re

import pytest
from playwright.sync_api import Page, expect

from portal.models import Member, User
from tests.factories import AccountFactory, MemberFactory, UserFactory

PATH = "/number-management/number-reputation/"
SIGN_IN_URL = re.compile(r"/sign-in/\?next=")


@pytest.fixture
def admin(live_url) -> Member:
    return MemberFactory(account=AccountFactory(), role=Member.Role.ADMIN)


def end_session(page: Page) -> None:
    """End it without the page noticing by itself."""
    page.context.route(re.compile("/(change-token|session)/"), lambda route: route.fulfill(status=204))
    page.context.clear_cookies(name="sessionid")


def sign_out_in_another_window(page: Page) -> None:
    other = page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in/**")
    other.close()


def focus_window(page: Page) -> None:
    """As a person does who comes back to it. Without a screen, no window has the focus."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def test_opening_a_window_leads_to_the_sign_in_page_and_back(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    page.goto(f"{PATH}?status=clean")
    end_session(page)
    page.get_by_role("link", name="Services details").click()
    page.get_by_label("E-mail").fill(admin.user.email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{PATH}?status=clean")


def test_draft_that_cannot_be_saved_shows_a_message_and_keeps_the_input(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    page.goto("/enrollment/business/")
    field = page.locator("#enrollment-form [name=legal_name]")
    field.fill("Cascade Solar LLC")
    expect(page.locator("#saved")).to_contain_text("Draft saved")
    end_session(page)
    field.fill("Cascade Solar and Sons LLC")
    expect(page.locator("#saved")).to_contain_text("Not saved")
    expect(field).to_have_value("Cascade Solar and Sons LLC")


def test_signing_out_empties_other_windows(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    page.goto(f"{PATH}?status=clean")
    sign_out_in_another_window(page)
    page.wait_for_url(SIGN_IN_URL)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_a_page_that_is_not_live_is_emptied_once_it_is_looked_at(open_page, live_url, admin):
    """Pages of somebody without an account do not ask for changes of one."""
    page = open_page(live_url, as_=admin)
    Member.objects.filter(pk=admin.pk).delete()
    page.goto("/account/sign-in/")
    assert not page.locator("body").get_attribute("data-live-url")
    sign_out_in_another_window(page)
    focus_window(page)
    page.wait_for_url(SIGN_IN_URL)


def test_the_administration_is_emptied_too(open_page, live_url):
    staff = MemberFactory(account=AccountFactory(), user=UserFactory(staff_role=User.StaffRole.SUPERUSER))
    page = open_page(live_url, as_=staff)
    page.goto("/admin/portal/account/")
    sign_out_in_another_window(page)
    focus_window(page)
    page.wait_for_url(SIGN_IN_URL)


def test_a_page_with_input_keeps_it_and_says_so(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    page.goto("/number-management/phone-numbers/add/")
    field = page.locator("form[method=post] textarea, form[method=post] input[type=text]").first
    field.fill("+1 206 555 0143")
    sign_out_in_another_window(page)
    focus_window(page)
    expect(page.get_by_role("alert").filter(has_text="You are signed out")).to_be_visible()
    expect(field).to_have_value("+1 206 555 0143")
