"""The table of numbers in a browser: selection, confirmation windows and live updates."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal import audit
from portal.audit import Context
from portal.models import Member
from reputation.bulk_actions import snapshot
from reputation.models import BulkAction, PhoneNumber
from reputation.tasks.bulk_actions import prepare_bulk_action
from tests.browser.helpers import NARROW, WIDE, accessibility_violations
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    CampaignFactory,
    CaseFactory,
    LicenceFactory,
    MemberFactory,
    PhoneNumberFactory,
    TagFactory,
)

PATH = "/number-management/number-reputation/"
ENABLE = "Enable spam monitoring and remediation"
DISABLE = "Disable spam monitoring and remediation"


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


def select_number(page: Page, number: PhoneNumber) -> None:
    page.get_by_label(f"Select {number}").check()


def expect_selected(page: Page, words: str) -> None:
    expect(page.locator("#selected")).to_have_text(words)


def stored_capabilities(numbers) -> list[str]:
    return list(
        PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
        .order_by("pk")
        .values_list("capability", flat=True)
    )


def test_the_buttons_are_active_only_when_something_is_selected(page, numbers):
    button = page.get_by_role("button", name=ENABLE)
    expect(button).to_be_disabled()
    select_number(page, numbers[0])
    expect(button).to_be_enabled()
    expect_selected(page, "1 selected")
    page.get_by_role("button", name="Clear").click()
    expect(button).to_be_disabled()


def test_the_selection_survives_paging_sorting_and_reloading(page, numbers):
    select_number(page, numbers[1])
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**after=**")
    select_number(page, numbers[60])
    expect_selected(page, "2 selected, 1 not shown")
    page.locator("#sort-number").click()
    page.wait_for_url("**sort=**")
    expect_selected(page, "2 selected, 2 not shown")
    page.reload()
    expect_selected(page, "2 selected, 2 not shown")
    page.evaluate("history.go(-2)")
    expect(page.locator("#range")).to_have_text("1–50 of 120")
    expect_selected(page, "2 selected, 1 not shown")
    expect(page.get_by_label(f"Select {numbers[1]}")).to_be_checked()


def test_it_says_how_much_of_the_selection_is_not_shown(page, numbers):
    status = page.locator("#selected")
    expect(status).to_have_attribute("aria-live", "polite")
    for number in (numbers[0], numbers[1]):
        select_number(page, number)
    expect_selected(page, "2 selected")
    page.get_by_label("Search").fill(numbers[1].e164[-6:])
    expect(page.locator("#range")).to_have_text("1–1 of 1")
    expect_selected(page, "2 selected, 1 not shown")
    page.get_by_label("Search").fill("no such number")
    expect(page.get_by_role("heading", name="No number matches")).to_be_visible()
    expect_selected(page, "2 selected, 2 not shown")
    page.get_by_label("Search").fill("")
    expect_selected(page, "2 selected")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#range")).to_have_text("51–100 of 120")
    expect_selected(page, "2 selected, 2 not shown")
    page.get_by_label("Select all 120 numbers").check()
    expect_selected(page, "120 selected, 70 not shown")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_clear_takes_back_what_is_not_shown_too_and_gives_the_focus_to_where_one_selects(
    open_page, live_url, admin, numbers, width
):
    page = open_page(live_url, as_=admin, width=width)
    page.goto(PATH)
    select_number(page, numbers[0])
    page.get_by_label("Search").fill(numbers[1].e164[-6:])
    expect_selected(page, "1 selected, 1 not shown")
    clear = page.get_by_role("button", name="Clear")
    page.get_by_label("Search").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if clear.evaluate("button => button === document.activeElement"):
            break
    expect(clear).to_be_focused()
    page.keyboard.press("Enter")
    expect_selected(page, "Nothing selected")
    expect(clear).to_be_hidden()
    expect(page.locator("#select-page" if width == WIDE else "#select-all")).to_be_focused()
    page.get_by_label("Search").fill("")
    expect(page.get_by_label(f"Select {numbers[0]}")).not_to_be_checked()


def test_clear_without_rows_gives_the_focus_to_the_search(page, numbers):
    select_number(page, numbers[0])
    page.goto(f"{PATH}?q=no+such+number")
    expect_selected(page, "1 selected, 1 not shown")
    page.get_by_role("button", name="Clear").click()
    expect_selected(page, "Nothing selected")
    expect(page.get_by_label("Search")).to_be_focused()


def test_filters_are_in_the_url_so_that_reload_and_back_restore_them(page, numbers):
    expect(page.locator("#range")).to_have_text("1–50 of 120")
    page.get_by_label("Search").fill(numbers[7].e164[-6:])
    expect(page.locator("#range")).to_have_text("1–1 of 1")
    expect(page).to_have_url(re.compile(r"\?q=\d{6}$"))
    page.reload()
    expect(page.locator("#range")).to_have_text("1–1 of 1")
    page.go_back()
    expect(page.locator("#range")).to_have_text("1–50 of 120")


def test_all_matching_numbers_can_be_selected_and_one_removed_with_its_x(page, numbers):
    page.get_by_label("Select all 120 numbers").check()
    page.get_by_label(f"Select {numbers[0]}").uncheck()
    expect_selected(page, "119 selected, 70 not shown")
    page.get_by_role("button", name=ENABLE).click()
    dialog = page.get_by_role("dialog", name=ENABLE)
    expect(dialog.get_by_text("The first 50 of 119.")).to_be_visible()
    dialog.get_by_label("Find one of the 119 numbers").fill(numbers[100].e164[-7:])
    dialog.get_by_role("button", name=f"Take out {numbers[100]}").click()
    dialog.get_by_role("button", name="Enable 118 numbers").click()
    expect(dialog.get_by_text("Enabled 118 numbers.")).to_be_visible()
    dialog.get_by_role("button", name="Close").last.click()
    expect_selected(page, "Nothing selected")
    expect(page.locator(f"#capability-{numbers[1].pk}")).to_contain_text("Verifying")
    assert stored_capabilities(numbers).count("verifying") == 118
    assert stored_capabilities([numbers[0], numbers[100]]) == ["off", "off"]


def test_window_opens_while_many_numbers_are_listed_and_then_offers_confirmation(page, numbers, monkeypatch):
    monkeypatch.setattr(snapshot, "CHUNK", 50)
    page.get_by_label("Select all 120 numbers").check()
    page.get_by_label(f"Select {numbers[0]}").uncheck()
    page.get_by_role("button", name=ENABLE).click()
    dialog = page.get_by_role("dialog", name=ENABLE)
    expect(dialog.get_by_text("The numbers are being listed.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Enable")).to_have_count(0)
    assert accessibility_violations(page) == []
    prepare_bulk_action(BulkAction.objects.get().pk)  # as a worker does
    dialog.get_by_role("button", name="Enable 119 numbers").click()
    expect(dialog.get_by_text("Enabled 119 numbers.")).to_be_visible()
    assert stored_capabilities([numbers[0]]) == ["off"]


def test_listing_the_numbers_can_be_stopped_from_the_window(page, numbers, monkeypatch):
    monkeypatch.setattr(snapshot, "CHUNK", 50)
    page.get_by_label("Select all 120 numbers").check()
    page.get_by_role("button", name=ENABLE).click()
    dialog = page.get_by_role("dialog", name=ENABLE)
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog.get_by_text("It was stopped.")).to_be_visible()
    assert set(stored_capabilities(numbers)) == {"off"}


def test_window_works_by_keyboard_and_returns_the_focus(page, numbers):
    select_number(page, numbers[0])
    select_number(page, numbers[1])
    opener = page.get_by_role("button", name=ENABLE)
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=ENABLE)
    expect(dialog).to_be_visible()
    assert dialog.evaluate("dialog => dialog.matches(':modal')")
    take_out = dialog.get_by_role("button", name=f"Take out {numbers[0]}")
    take_out.focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Enable 1 number")).to_be_visible()
    expect(dialog.get_by_role("button", name=f"Take out {numbers[1]}")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    assert stored_capabilities(numbers[:2]) == ["off", "off"]


def test_a_double_click_on_enable_enables_once(page, numbers):
    select_number(page, numbers[0])
    page.get_by_role("button", name=ENABLE).click()
    page.get_by_role("dialog").get_by_role("button", name="Enable 1 number").dblclick()
    expect(page.get_by_role("dialog").get_by_text("Enabled 1 number.")).to_be_visible()
    from portal.models import AuditEvent

    assert AuditEvent.objects.filter(code="capability.verifying").count() == 1


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


def test_a_number_is_copied_as_e164(page, numbers):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"tr[data-row='{numbers[0].pk}'] .number").evaluate("node => getSelection().selectAllChildren(node)")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == numbers[0].e164


@pytest.mark.parametrize("dark", [False, True])
def test_the_open_windows_have_no_accessibility_violation(open_page, live_url, admin, numbers, dark):
    PhoneNumberFactory(account=admin.account, e164="+14165550123", region="CA")
    page = open_page(live_url, as_=admin, dark=dark)
    page.goto(PATH)
    page.get_by_role("link", name="Services details").click()
    expect(page.get_by_role("dialog", name="Services details")).to_be_visible()
    assert accessibility_violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Select all 121 numbers").check()
    page.get_by_role("button", name=ENABLE).click()
    expect(page.get_by_role("dialog", name=ENABLE)).to_be_visible()
    assert accessibility_violations(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Enable 120 numbers").click()
    expect(page.get_by_role("dialog").get_by_text("Enabled 120 numbers.")).to_be_visible()
    assert accessibility_violations(page) == []


def test_numbers_are_enabled_and_disabled_without_javascript(chromium, live_url, admin, numbers, client):
    client.force_login(admin.user)
    cookie = client.cookies["sessionid"].value
    context = chromium.new_context(base_url=live_url, java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_url}])
    page = context.new_page()
    page.goto(PATH)
    expect(page.get_by_text("70 of them on other pages")).to_be_visible()
    page.get_by_label(f"Select {numbers[1]}").check()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label(f"Select {numbers[1]}")).not_to_be_checked()
    page.get_by_label(f"Select {numbers[0]}").check()
    page.get_by_role("button", name=ENABLE).click()
    page.get_by_role("button", name="Enable 1 number").click()
    expect(page.get_by_text("Enabled 1 number.")).to_be_visible()
    page.goto(PATH)
    page.get_by_label("Select all 120 numbers").check()
    page.get_by_role("button", name=DISABLE).click()
    page.get_by_role("button", name="Disable 1 number").click()
    expect(page.get_by_text("Disabled 1 number.")).to_be_visible()
    context.close()


def test_narrow_rows_are_cards_and_can_be_sorted(open_page, live_url, admin, numbers):
    page = open_page(live_url, as_=admin, width=NARROW)
    page.goto(PATH)
    page.get_by_label("Sort by").select_option("-number")
    expect(page.locator("tr[data-row]").first).to_contain_text(str(numbers[-1]))
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


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
