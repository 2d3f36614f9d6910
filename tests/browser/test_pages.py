"""Every page in every state of page_states.py: accessible, well-formed, usable on a phone and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page

from reputation.demo import data
from tests.browser.conftest import ConsoleErrors
from tests.browser.helpers import (
    HEIGHT,
    NARROW,
    OVERFLOWING_ELEMENTS_JS,
    WIDE,
    accessibility_violations,
    screenshot,
)
from tests.browser.page_states import PageState, page_states
from tests.support.servers import free_port

# Colours depend only on the theme, everything else only on the width. Two renderings with all rules, and two with the
# contrast rule, therefore find as much as four with all rules.
ALL_RULES, CONTRAST_RULES = None, ["color-contrast"]
RENDERINGS = (
    ("wide, light", WIDE, "light", ALL_RULES),
    ("wide, dark", WIDE, "dark", CONTRAST_RULES),
    ("narrow, light", NARROW, "light", CONTRAST_RULES),
    ("narrow, dark", NARROW, "dark", ALL_RULES),
)

EXPECTED_STATUSES = {"as a viewer": 403, "does not exist": 404}

# The repr of a Python object.
PYTHON_REPR = re.compile(r"\b[A-Z]\w+\([a-z_]+=|<\w[\w.: ]* object|\bdatetime\.\w+\(")

PAGE_FACTS_JS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return {
    title: document.title,
    headings: [...document.querySelectorAll("h1")].map((element) => element.textContent.trim()),
    text: document.body.innerText,
    mains: document.querySelectorAll("main, [role=main]").length,
    twice: ids.filter((id, index) => ids.indexOf(id) !== index),
  };
}"""

# Focusable elements that look the same with and without the focus.
INVISIBLE_FOCUS_JS = """() => {
  const looks = (element) => {
    const style = getComputedStyle(element);
    return ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "borderColor", "backgroundColor"]
      .map((property) => style[property]).join("|");
  };
  const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const seen = (element) => !element.disabled && element.checkVisibility({ visibilityProperty: true });
  const unseen = [];
  for (const element of [...document.querySelectorAll(focusable)].filter(seen).slice(0, 80)) {
    document.activeElement?.blur();
    const before = looks(element);
    element.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement === element && looks(element) === before) unseen.push(element.outerHTML.slice(0, 120));
  }
  document.activeElement?.blur();
  return unseen;
}"""


@pytest.fixture
def demo_data(transactional_db, settings, tmp_path) -> None:
    """Create the demo data, with simulated engines that do not know its numbers."""
    settings.SIMULATED_DIR, settings.DATA_DIR = tmp_path / "simulated", tmp_path
    # The pages of signing in with an identity provider, which does not answer.
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = f"http://127.0.0.1:{free_port()}", "portal"
    data.seed(now=timezone.now())


def is_html_page(state: PageState) -> bool:
    """Return whether the URL shows a page. Downloads, fragments and targets of POST requests do not."""
    client = Client()
    if state.member:
        client.force_login(state.member.user)
    answer = client.get(state.address)
    if answer.status_code in (204, 405) or (answer.status_code == 302 and answer.url != state.address):
        return False
    return answer.headers.get("Content-Type", "").startswith("text/html") and not answer.headers.get(
        "Content-Disposition"
    )


def test_every_page_is_accessible_and_well_formed(demo_data, live_url, open_page, console_errors, subtests):
    windows: dict[int | None, Page] = {}
    seen = 0
    for state in page_states():
        if not is_html_page(state):
            continue
        seen += 1
        key = state.member.pk if state.member else None
        page = windows.get(key) or windows.setdefault(key, open_page(live_url, as_=state.member))
        with subtests.test(state.name):
            problems = list(find_problems(page, state)) + [
                f"console: {one}" for one in console_errors_of(console_errors, state)
            ]
            assert not problems, "\n".join(problems)
    assert seen > 20


def console_errors_of(console_errors: ConsoleErrors, state: PageState) -> list[str]:
    """Return the unexpected console errors. The browser also logs a refusal that is expected, which is left out."""
    refusal = expected_status(state)
    complaints = [one for one in console_errors.unexpected() if not (refusal and str(refusal) in one)]
    console_errors.complaints.clear()
    return complaints


def expected_status(state: PageState) -> int | None:
    """Return the error status that is expected in this state, if any."""
    return next((status for words, status in EXPECTED_STATUSES.items() if words in state.name), None)


def find_problems(page: Page, state: PageState) -> Iterator[str]:
    """How a page looks does not depend on the database: on PostgreSQL, it is only read."""
    looks = RENDERINGS if state.looked_at_closely and connection.vendor == "sqlite" else RENDERINGS[-1:]
    for look, width, scheme, rules in looks:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if look == looks[0][0]:
            answer = page.goto(state.address)
            if answer.status >= 400 and answer.status != expected_status(state):
                yield f"{state.address} answers {answer.status}"
                return
            yield from (f"{problem} ({state.address})" for problem in markup_problems(page))
            if connection.vendor != "sqlite":
                return
            yield from (f"the focus is not seen on {element}" for element in page.evaluate(INVISIBLE_FOCUS_JS))
        if width == NARROW:
            yield from (f"{look}: too wide: {element}" for element in page.evaluate(OVERFLOWING_ELEMENTS_JS))
        yield from (f"{look}: {violation}" for violation in accessibility_violations(page, rules=rules))
        screenshot(page, f"{state.name.replace(': ', '-').replace(' ', '_')}-{width}-{scheme}")


def markup_problems(page: Page) -> Iterator[str]:
    about = page.evaluate(PAGE_FACTS_JS)
    if found := PYTHON_REPR.search(about["text"]):
        yield f"it shows an object: {about['text'][found.start() :][:80]}"
    if not about["title"].split("·")[0].strip():
        yield "it has no title"
    if len(about["headings"]) != 1 or not about["headings"][0]:
        yield f"it has {len(about['headings'])} main headings: {about['headings']}"
    if about["mains"] != 1:
        yield f"it has {about['mains']} main landmarks"
    if about["twice"]:
        yield f"ids occur twice, which live pages go by: {about['twice']}"
    if "To come" in about["headings"]:
        yield "it is not built yet"


def test_axe_reports_a_violation(live_url, open_page, console_errors):
    console_errors.expects.append("/x.svg")
    page = open_page(live_url)
    page.goto("/sign-in/")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"/x.svg\"><h1>Picture</h1>'")
    assert any("image-alt" in violation for violation in accessibility_violations(page))


def test_csp_violation_is_recorded_as_a_console_error(live_url, open_page, console_errors):
    page = open_page(live_url)
    page.goto("/sign-in/")
    with page.expect_console_message(lambda message: "style" in message.text):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    assert any("style" in complaint for complaint in console_errors.complaints)
    console_errors.complaints.clear()


def test_the_keyboard_skips_to_the_content(live_url, open_page, admin):
    page = open_page(live_url, as_=admin)
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("link => link === document.activeElement")
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
