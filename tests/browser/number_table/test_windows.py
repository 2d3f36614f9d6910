"""The windows that the table opens: confirmation of a bulk action, and Services details."""

import pytest
from playwright.sync_api import expect

from reputation.bulk_actions import snapshot
from reputation.models import BulkAction, PhoneNumber
from reputation.tasks.bulk_actions import prepare_bulk_action
from tests.browser.helpers import accessibility_violations
from tests.browser.number_table.table_page import ENABLE, PATH, expect_selected, select_number
from tests.factories import (
    PhoneNumberFactory,
)

DISABLE = "Disable spam monitoring and remediation"


def stored_capabilities(numbers) -> list[str]:
    return list(
        PhoneNumber.objects.filter(pk__in=[number.pk for number in numbers])
        .order_by("pk")
        .values_list("capability", flat=True)
    )


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
