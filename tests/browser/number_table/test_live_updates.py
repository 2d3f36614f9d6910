"""The table follows changes that are made elsewhere."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from portal import audit
from portal.audit import Context
from reputation.models import PhoneNumber
from tests.browser.number_table.table_page import ENABLE, PATH, expect_selected, select_number
from tests.factories import CaseFactory, MemberFactory, TagFactory


def test_rows_are_updated_without_changing_the_selection_or_the_focus(page, numbers, admin):
    select_number(page, numbers[3])
    search = page.get_by_label("Search")
    search.focus()
    number = numbers[2]
    case = CaseFactory(account=admin.account, number=number)
    tag = TagFactory(account=admin.account, number=number, case=case)
    PhoneNumber.objects.filter(pk=number.pk).update(
        spam_status=PhoneNumber.SpamStatus.TAGGED, capability=PhoneNumber.Capability.ON, tagged_since=tag.detected_at
    )
    audit.record_event(account=admin.account, context=Context.system(timezone.now()), code="tag.detected", subject=tag)
    expect(page.locator(f"#status-{number.pk}")).to_contain_text("Tagged")
    expect(page.locator(f"#status-{number.pk}")).to_contain_text(tag.engine.name)
    expect(page.locator("#tallies")).to_contain_text(re.compile(r"1\s*Tagged"))
    expect(page.locator("#needs-you")).to_have_text("1 tagged numbers")
    expect_selected(page, "1 selected")
    expect(search).to_be_focused()


def test_row_that_no_longer_matches_the_filter_shows_its_new_state(open_page, live_url, admin, numbers):
    number = numbers[0]
    PhoneNumber.objects.filter(pk=number.pk).update(capability="verifying")
    page = open_page(live_url, as_=admin)
    page.goto(f"{PATH}?capability=verifying")
    expect(page.locator(f"#capability-{number.pk}")).to_contain_text("Verifying")
    PhoneNumber.objects.filter(pk=number.pk).update(capability="on")
    audit.record_event(
        account=admin.account, context=Context.system(timezone.now()), code="capability.on", subject=number
    )
    expect(page.locator(f"#capability-{number.pk}")).to_contain_text("On")


@pytest.mark.parametrize("path", [PATH, "/number-management/phone-numbers/"])
def test_empty_filtered_list_shows_a_number_that_starts_to_match(open_page, live_url, admin, numbers, path):
    page = open_page(live_url, as_=admin)
    page.goto(f"{path}?status=failed")
    expect(page.get_by_role("heading", name="No number matches")).to_be_visible()
    number = numbers[5]
    PhoneNumber.objects.filter(pk=number.pk).update(capability="on", spam_status="failed")
    tag = TagFactory(account=admin.account, number=number, case=CaseFactory(account=admin.account, number=number))
    audit.record_event(account=admin.account, context=Context.system(timezone.now()), code="case.failed", subject=tag)
    expect(page.locator(f"tr[data-row='{number.pk}']")).to_contain_text(str(number))
    expect(page.locator("#announce")).to_have_text("1 number in the table")
    if path == PATH:
        select_number(page, number)
        expect_selected(page, "1 selected")
        expect(page.get_by_role("button", name=ENABLE)).to_be_enabled()


def test_cell_with_the_focus_is_updated_after_it_loses_the_focus(open_page, live_url, admin, numbers):
    number = numbers[0]
    PhoneNumber.objects.filter(pk=number.pk).update(capability="on", spam_status="tagged")
    tag = TagFactory(account=admin.account, number=number, case=CaseFactory(account=admin.account, number=number))
    page = open_page(live_url, as_=admin)
    page.goto(PATH)
    status = page.locator(f"#status-{number.pk}")
    status.get_by_role("link").focus()
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status="clean")
    audit.record_event(account=admin.account, context=Context.system(timezone.now()), code="tag.cleared", subject=tag)
    expect(page.locator("#needs-you")).to_be_hidden()
    expect(status.get_by_role("link")).to_be_focused()
    page.get_by_label("Search").focus()
    expect(status).not_to_contain_text("Tagged")


def test_open_page_is_not_updated_and_changes_nothing_after_switching_accounts(
    open_page, live_url, admin, numbers, console_errors
):
    console_errors.expects.append("403")
    other = MemberFactory(user=admin.user, account__name="Zenith")
    page = open_page(live_url, as_=admin)
    page.goto(PATH)
    select_number(page, numbers[0])
    elsewhere = page.context.new_page()
    elsewhere.goto("/")
    elsewhere.get_by_label("Account", exact=True).select_option("Zenith")
    expect(elsewhere.get_by_label("Account", exact=True)).to_have_value(str(other.account_id))
    expect(page.locator("#messages")).to_contain_text(f"This page is about {admin.account.name}")
    expect(page.locator("#tallies")).to_contain_text("120")
    page.get_by_role("button", name=ENABLE).click()
    expect(page.locator("#messages")).to_contain_text("nothing was changed")
    expect(page.get_by_role("dialog")).to_have_count(0)
