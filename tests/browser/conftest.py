"""Journeys in a real Chromium: on a real portal with its workers (`portal`), or on pages alone (`live`).

A window of the browser (`window`) fails its test when the page logs an error or breaks the Content-Security-Policy.
With SCREENSHOTS=DIR the pictures that tests take are kept there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from portal.models import Member
from reputation.demo.data import PASSWORD
from tests.support.demo import DemoProcess, start_demo

WIDE, NARROW = 1360, 390
HEIGHT = 900
BROWSER_TESTS_DIR = Path(__file__).parent
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All journeys run in one process, one after the other: they share a browser and a portal, and two would fight for
    the processor."""
    for item in items:
        if BROWSER_TESTS_DIR in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.fail(
            "Chromium is missing. `make test` installs it on Debian as root; otherwise: sudo apt-get install chromium, "
            "or put Chromium or Chrome on the PATH.",
            pytrace=False,
        )
    # Playwright keeps an event loop in this thread; Django would take every query for one made in async code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"] if os.geteuid() == 0 else [], chromium_sandbox=False
        )
        yield browser
        browser.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
    if before is not None:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def live_url(live_server, transactional_db) -> str:
    """The address of a server on the test's own database; no workers run."""
    return live_server.url


@pytest.fixture(scope="session")
def demo_portal(tmp_path_factory) -> Iterator[DemoProcess]:
    """A whole portal with its workers, as `make demo` starts it; a day of its service lasts 2 seconds."""
    demo = start_demo(tmp_path_factory.mktemp("portal") / "data", day_seconds=2)
    try:
        demo.wait_for("Ctrl-C stops it.")
        yield demo
    finally:
        code = demo.stop() if demo.process.poll() is None else demo.process.returncode
    assert code == 0, demo.output


@dataclass
class ConsoleErrors:
    """What a page complained of. `expects` lists parts of messages that the test brings about itself."""

    complaints: list[str] = field(default_factory=list)
    expects: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"Script error: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        return [complaint for complaint in self.complaints if not any(part in complaint for part in self.expects)]


@pytest.fixture
def console_errors() -> Iterator[ConsoleErrors]:
    """Every window is watched; `watch.expects.append("404")` allows what the test means to cause."""
    watch = ConsoleErrors()
    yield watch
    assert not watch.unexpected(), "\n".join(watch.unexpected())


@pytest.fixture
def open_page(chromium, console_errors, request) -> Iterator[Callable[..., Page]]:
    """Opens windows: `window(live, as_=member)`, `window(portal.url, width=NARROW, dark=True)`.

    Each is a browser of its own, as of another person; `as_` is signed in at once (on `live`).
    """
    contexts = []

    def open_window(url: str, *, as_: Member | None = None, width: int = WIDE, dark: bool = False) -> Page:
        context = chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        if as_:
            client = Client()
            client.force_login(as_.user)
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
        page = context.new_page()
        console_errors.over(page)
        return page

    yield open_window
    for context in contexts:
        context.close()


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """As a person does it: the form is filled in and sent."""
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("/")


def accessibility_violations(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """What axe finds against WCAG 2.2 AA (or against these rules only), a line for each element; empty is good."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG}
    found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"]}).response["violations"]
    return [
        f"{violation['id']} ({violation['help']}): {node['html'][:200]} {node.get('failureSummary', '')}"
        for violation in found
        for node in violation["nodes"]
    ]


def screenshot(page: Page, name: str) -> None:
    """Kept as NAME.png where SCREENSHOTS says; nothing otherwise."""
    if directory := os.environ.get("SCREENSHOTS"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True, caret="initial")
