"""Fixtures for tests in Chromium: a demo portal with its workers (`demo_portal`), or a server alone (`live_url`).

A page opened with `open_page` fails its test if it logs an error or breaks the Content-Security-Policy. SCREENSHOTS=DIR
keeps the pictures that tests take.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from portal.models import Member
from tests.browser.helpers import HEIGHT, WIDE
from tests.support.demo import DemoProcess, start_demo

BROWSER_TESTS_DIR = Path(__file__).parent
# Timeout of an action or an expectation. Only a failing test waits this long.
TIMEOUT_MS = 30_000

expect.set_options(timeout=TIMEOUT_MS)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all browser tests in one process: they share a browser and a demo portal. Mark those with an own portal."""
    for item in items:
        if BROWSER_TESTS_DIR in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
        if {"demo_portal", "installed"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.own_portal)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not executable:
        pytest.fail(
            "Chromium is missing. `make test` installs it on Debian as root; otherwise: sudo apt-get install chromium, "
            "or put Chromium or Chrome on the PATH.",
            pytrace=False,
        )
    # Playwright runs an event loop in this thread, so Django would refuse every query as made in async code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"] if os.geteuid() == 0 else [], chromium_sandbox=False
        )
        yield browser
        browser.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE")
    if before is not None:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def live_url(live_server, transactional_db) -> str:
    """Return the URL of a server on the test database. No workers run."""
    return live_server.url


@pytest.fixture(scope="session")
def demo_portal(tmp_path_factory) -> Iterator[DemoProcess]:
    """Start a portal with its workers, as `make demo` does. A service day lasts 2 seconds."""
    demo = start_demo(tmp_path_factory.mktemp("portal") / "data", day_seconds=2)
    try:
        demo.wait_for("Ctrl-C stops it.")
        yield demo
    finally:
        code = demo.stop() if demo.process.poll() is None else demo.process.returncode
    assert code == 0, demo.output


@dataclass
class ConsoleErrors:
    """Errors that pages logged. `expects` lists parts of messages that the test causes on purpose."""

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
    """The errors of every page; `console_errors.expects.append("404")` allows one that the test causes."""
    errors = ConsoleErrors()
    yield errors
    assert not errors.unexpected(), "\n".join(errors.unexpected())


@pytest.fixture
def open_page(chromium, console_errors, request) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page: `open_page(live_url, as_=member, width=NARROW, dark=True)`.

    Each page has a browser context of its own. `as_` is signed in (on `live_url` only). `scripts=False` is a browser
    without JavaScript.
    """
    contexts = []

    def open_one(
        url: str, *, as_: Member | None = None, width: int = WIDE, dark: bool = False, scripts: bool = True
    ) -> Page:
        context = chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        if as_:
            client = Client()
            client.force_login(as_.user)
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
        page = context.new_page()
        console_errors.over(page)
        return page

    yield open_one
    for context in contexts:
        context.close()
