"""Selecting, finding and sorting numbers in the table."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.helpers import NARROW, WIDE
from tests.browser.number_table.table_page import ENABLE, PATH, expect_selected, select_number


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


def test_a_number_is_copied_as_e164(page, numbers):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"tr[data-row='{numbers[0].pk}'] .number").evaluate("node => getSelection().selectAllChildren(node)")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == numbers[0].e164


def test_narrow_rows_are_cards_and_can_be_sorted(open_page, live_url, admin, numbers):
    page = open_page(live_url, as_=admin, width=NARROW)
    page.goto(PATH)
    page.get_by_label("Sort by").select_option("-number")
    expect(page.locator("tr[data-row]").first).to_contain_text(str(numbers[-1]))
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
