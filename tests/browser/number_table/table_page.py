"""The table of numbers, and what its tests do with it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from reputation.models import PhoneNumber

PATH = "/number-management/number-reputation/"
ENABLE = "Enable spam monitoring and remediation"


def select_number(page: Page, number: PhoneNumber) -> None:
    page.get_by_label(f"Select {number}").check()


def expect_selected(page: Page, words: str) -> None:
    expect(page.locator("#selected")).to_have_text(words)
