"""Helpers of browser tests: sign in, fill in fields, check accessibility, take pictures."""

from __future__ import annotations

import os
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from reputation.demo.dataset import PASSWORD

WIDE, NARROW = 1360, 390
HEIGHT = 900
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Elements that reach beyond the right edge of the page.
OVERFLOWING_ELEMENTS_JS = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  const scrolls = (element) => element && element !== document.body
    && (getComputedStyle(element).overflowX !== "visible" || scrolls(element.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > edge + 1 && !scrolls(element.parentElement))
    .slice(0, 3).map((element) => element.outerHTML.slice(0, 120));
}"""


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Sign in with the form."""
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("/")


def accessibility_violations(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds against WCAG 2.2 AA, or against these rules only: a line for each element."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG}
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("options => axe.run(options)", {"runOnly": only, "resultTypes": ["violations"]})["violations"]
    return [
        f"{violation['id']} ({violation['help']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for violation in found
        for node in violation["nodes"]
    ]


def screenshot(page: Page, name: str) -> None:
    """Save a picture of the page as NAME.png in the directory that SCREENSHOTS names, if it is set."""
    if directory := os.environ.get("SCREENSHOTS"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True, caret="initial")


def fill_field(field: Locator, value: str) -> None:
    kind = field.first.evaluate("field => field.type")
    if kind == "radio":
        field.locator(f"xpath=self::*[@value='{value}']").check()
    elif kind == "select-one":
        field.select_option(value)
    else:
        field.fill(value)
