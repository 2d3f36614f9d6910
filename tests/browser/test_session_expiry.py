"""A session that ended while a page was open: no input is lost, and sign-in leads back to the page."""

import pytest
from playwright.sync_api import Page, expect

from portal.models import Member
from tests.factories import AccountFactory, MemberFactory

PATH = "/number-management/number-reputation/"


@pytest.fixture
def admin(live_url) -> Member:
    return MemberFactory(account=AccountFactory(), role=Member.Role.ADMIN)


def end_session(page: Page) -> None:
    page.context.clear_cookies(name="sessionid")


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
