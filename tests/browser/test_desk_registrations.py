"""A business registers numbers in Chromium: the question, the sheet, the note, and the list that confirms them."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page

from portal.models import Member
from reputation.models import PhoneNumber
from reputation.monitoring import engines
from reputation.providers import registry
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS, accessibility_violations, screenshot
from tests.factories import MemberFactory, PhoneNumberFactory
from tests.reputation.desks.registering import get_states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(settings):
    settings.PROVIDERS = ["handset", "desk"]
    registry._load_providers.cache_clear()
    engines.sync_engines()
    yield MemberFactory(role=Member.Role.ADMIN)
    registry._load_providers.cache_clear()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (NARROW, True), (NARROW, False), (1280, True)])
def test_number_is_registered_sent_and_confirmed(live_url, open_page, member, width, dark):
    number, unnamed, other = PhoneNumberFactory.create_batch(3, account=member.account)
    page = open_page(live_url, as_=member, width=width, dark=dark)
    look = f"{width}-{'dark' if dark else 'light'}"

    def check(name: str) -> None:
        screenshot(page, f"registrations-{name}-{look}")
        assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
        assert accessibility_violations(page) == []

    register(page, number, unnamed, check)
    assert get_states(number)["tns"] == "sent"
    assert get_states(unnamed) == {}
    record_answer(page, number, check)
    read_hiya_list(page, number, other, check)
    assert get_states(number) == {"first-orion": "sent", "hiya": "confirmed", "tns": "confirmed"}
    page.goto(reverse("number", args=[number.pk]))
    page.locator("#desk-registrations").get_by_text("Confirmed").or_(page.get_by_text("Registered")).first.wait_for()
    check("number")


def register(page: Page, number: PhoneNumber, unnamed: PhoneNumber, check: Callable[[str], None]) -> None:
    """Send the sheet with one of two numbers: the other does not answer with the business's name."""
    page.goto(reverse("desks"))
    page.get_by_role("link", name="Registrations").first.click()
    for one in (number, unnamed):
        page.get_by_label(f"Tick {one}").check()
    check("list")
    page.get_by_role("button", name="Register").click()
    page.get_by_label("No, not all of them").check()
    page.get_by_label(str(unnamed)).check()
    check("question")
    page.get_by_role("button", name="Prepare the sheet").click()
    page.get_by_text("does not answer with your business's name, and is left out:").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert number.e164[2:] in download.value.path().read_text()
    page.get_by_label("Who declares").fill("Ada Park")
    page.get_by_label("Mailbox").fill("ada@cascade.example")
    check("sheet")
    page.get_by_role("button", name="I sent it").click()
    page.get_by_role("heading", name="Sent to Free Caller Registry").wait_for()
    check("letter")


def record_answer(page: Page, number: PhoneNumber, check: Callable[[str], None]) -> None:
    page.goto(reverse("desk-registration-answer"))
    page.get_by_label("Which engine answered?").select_option("tns")
    page.get_by_label("About which numbers?").fill(str(number))
    page.get_by_label("Confirmed").check()
    page.get_by_label("The answer, word for word").fill("Your numbers are registered.")
    check("answer")
    page.get_by_role("button", name="Record the answer").click()
    page.get_by_text("The answer of TNS about 1 number is noted.").wait_for()


def read_hiya_list(page: Page, number: PhoneNumber, other: PhoneNumber, check: Callable[[str], None]) -> None:
    page.get_by_role("link", name="Hiya Connect list").click()
    page.get_by_label("The list", exact=True).or_(page.get_by_label("The list (optional)")).first.fill(
        f"Number,Grade\n{number.e164},Unflagged\n{other.e164},B\nnonsense,B"
    )
    check("hiya")
    page.get_by_role("button", name="Read the list").click()
    page.get_by_text("1 line that could not be read").wait_for()
    check("hiya-result")
