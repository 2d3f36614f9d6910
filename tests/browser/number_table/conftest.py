"""Fixtures of tests of the table of numbers: 120 numbers in a campaign, and the page that lists them."""

import pytest
from playwright.sync_api import Page

from portal.models import Member
from reputation.models import PhoneNumber
from tests.browser.number_table.table_page import PATH
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    CampaignFactory,
    LicenceFactory,
    MemberFactory,
    PhoneNumberFactory,
)


@pytest.fixture
def admin(live_url) -> Member:
    account = AccountFactory()
    ApplicationFactory(account=account)
    LicenceFactory(account=account)
    return MemberFactory(account=account, role=Member.Role.ADMIN)


@pytest.fixture
def numbers(admin) -> list[PhoneNumber]:
    campaign = CampaignFactory(account=admin.account)
    return PhoneNumberFactory.create_batch(120, account=admin.account, campaign=campaign)


@pytest.fixture
def page(open_page, live_url, admin, numbers) -> Page:
    page = open_page(live_url, as_=admin)
    page.goto(PATH)
    return page
