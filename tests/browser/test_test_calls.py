"""Test calls on a phone: a round with a label, a round that two people share, and a tester's link."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from portal.models import Account, Member
from reputation.models import ControlCall, Tag, TestCall, TestRound
from reputation.monitoring import engines
from reputation.providers import registry
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS, accessibility_violations, screenshot
from tests.factories import MonitoredNumberFactory, PhoneNumberFactory, TelephoneFactory
from tests.support.urls import create_round

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def handset(live_url, settings, tmp_path) -> None:
    settings.PROVIDERS, settings.MEDIA_ROOT, settings.PUBLIC_URL = ["handset"], tmp_path, live_url
    registry._load_providers.cache_clear()
    engines.sync_engines()


@pytest.fixture
def shared(account: Account) -> TestRound:
    TelephoneFactory.create_batch(3, account=account)
    return create_round(account, 60)


def open_round(page: Page, test_round: TestRound) -> None:
    page.goto(reverse("test-round", args=[test_round.pk]))


def assert_usable(page: Page, name: str) -> None:
    """Accessible in both themes, and not wider than the phone."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert not accessibility_violations(page)
        screenshot(page, f"test-calls-{name}-{scheme}")
    assert not page.evaluate(OVERFLOWING_ELEMENTS_JS)


def focused_text(page: Page) -> str:
    return page.evaluate("document.activeElement.textContent.trim()")


def expect_announcement(page: Page, words: str) -> None:
    expect(page.locator("#announce")).to_contain_text(words)


def test_a_round_on_a_phone_with_one_label(live_url, open_page, account, admin, console_errors):
    console_errors.expects.append("422")
    numbers = MonitoredNumberFactory.create_batch(3, account=account)
    TelephoneFactory(account=account, name="Anna")
    page = open_page(live_url, as_=admin, width=NARROW)
    page.goto(reverse("test-calls"))
    page.get_by_role("link", name="Begin a round").click()
    page.get_by_label("Minutes available").fill("2")
    expect(page.locator("#round-plan h2")).to_have_text("1 call")
    page.get_by_label("Minutes available").fill("30")
    expect(page.locator("#round-plan h2")).to_have_text("3 calls")
    assert_usable(page, "plan")
    page.get_by_role("button", name="Begin the round").click()
    page.get_by_role("button", name="Next call").click()
    expect(page.get_by_role("heading", name="Call 1")).to_be_focused()
    expect_announcement(page, f"Call from {numbers[0]}.")
    page.locator("summary", has_text="Label…").click()
    assert_usable(page, "call")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("alert")).to_have_text("Type the label that the telephone showed.")
    page.get_by_role("button", name="Scam Likely").click()
    expect(page.get_by_role("heading", name="Next call")).to_be_focused()
    expect_announcement(page, f"Stored for this one call from {numbers[0]} to Anna: Label: Scam Likely.")
    expect(page.locator("#round-status")).to_contain_text("1 of 3 calls made, 2 left · Label 1")
    assert_usable(page, "stored")
    page.get_by_role("button", name=f"Undo the result of {numbers[0]}").click()
    expect(page.get_by_role("heading", name="Call 1")).to_be_focused()
    page.locator("summary", has_text="Label…").click()
    page.get_by_label("The label as shown").fill("Spam Risk")
    page.get_by_label("The label as shown").press("Enter")
    expect_announcement(page, "Label: Spam Risk.")
    page.get_by_role("button", name="Next call").click()
    page.get_by_role("button", name="Did not arrive").click()
    page.get_by_label("The number you called from").fill("(206) 555-0199")
    page.get_by_role("button", name="It rang").click()
    expect_announcement(page, "Noted: (206) 555-0199 rang Anna.")
    page.get_by_role("button", name="Next call").click()
    page.get_by_role("button", name="No label").click()
    page.get_by_role("heading", name="All calls are made").wait_for()
    page.locator("#call-panel").get_by_role("link", name="End the round").click()
    page.get_by_role("button", name="End the round").click()
    page.get_by_text("The round has ended. Its results count now.").wait_for()
    assert (Tag.objects.get().number, Tag.objects.get().label) == (numbers[0], "Spam Risk")
    assert ControlCall.objects.count() == 1
    assert_usable(page, "ended")


def test_without_javascript_a_round_is_made_as_well(live_url, open_page, account, admin):
    TelephoneFactory(account=account)
    test_round = create_round(account, 2)
    page = open_page(live_url, as_=admin, width=NARROW, scripts=False)
    open_round(page, test_round)
    page.get_by_role("button", name="Next call").click()
    page.locator("summary", has_text="Label…").click()
    page.get_by_role("button", name="Spam Risk").click()
    page.get_by_text("Label: Spam Risk", exact=True).wait_for()
    page.get_by_role("button", name="Next call").click()
    page.get_by_role("button", name="No label").click()
    page.get_by_role("heading", name="All calls are made").wait_for()
    assert TestCall.objects.filter(state="done").count() == 2


def make_next_call(page: Page) -> bool:
    """Make one call with the result *no label*. Returns False once nothing is left to make."""
    heading = page.locator("#call-title")
    if page.get_by_role("button", name="Next call").is_visible():
        page.get_by_role("button", name="Next call").click()
    # The page may not know yet that the other person has made the last call.
    expect(heading).to_contain_text(re.compile("Call |All calls are made"))
    if "All calls are made" in heading.text_content():
        return False
    page.get_by_role("button", name="No label").click()
    expect(heading).not_to_contain_text("Call ")
    return True


def test_two_people_share_a_round_of_60_calls_without_a_collision(
    live_url, open_page, owner, admin, shared, console_errors
):
    console_errors.expects.append("422")  # somebody asks for a call after the last one
    pages = [open_page(live_url, as_=member, width=NARROW) for member in (owner, admin)]
    for page in pages:
        open_round(page, shared)
        page.get_by_role("button", name="Next call").click()
        expect(page.locator("#call-title")).to_contain_text("Call ")
    first, second = TestCall.objects.exclude(lease_token="")
    assert first.telephone_id != second.telephone_id
    for page in pages:
        page.get_by_role("button", name="No label").click()
        page.get_by_role("heading", name="Next call").wait_for()
    open_pages = pages
    while open_pages:
        open_pages = [page for page in open_pages if make_next_call(page)]
    made = TestCall.objects.filter(state="done")
    assert (made.count(), made.values("number", "telephone").distinct().count()) == (60, 60)
    assert {made.filter(claimed_by=member.user).count() for member in (owner, admin)} == {30}


def test_a_tester_answers_calls_by_a_link(live_url, open_page, account, admin: Member):
    telephone = TelephoneFactory(account=account, name="Front desk")
    page = open_page(live_url, as_=admin)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(reverse("telephone", args=[telephone.pk]))
    page.get_by_role("link", name="Invite a tester").first.click()
    page.get_by_label("Who").fill("Anna")
    page.get_by_role("button", name="Create the link").click()
    page.get_by_role("button", name="Copy the link").click()
    expect_announcement(page, "Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    PhoneNumberFactory.create_batch(2, account=account)
    page.goto(reverse("test-rounds-add"))
    page.get_by_role("button", name="Begin the round").click()
    page.get_by_role("heading", name="Next call").wait_for()
    for scripts, left in ((True, "Next call"), (False, "No call for you now")):
        tester = open_page(live_url, width=NARROW, scripts=scripts)
        tester.goto(link)
        tester.get_by_role("button", name="Next call").click()
        tester.get_by_role("heading", name="Wait for this call").wait_for()
        if scripts:
            assert_usable(tester, "tester")
        page.get_by_text("Anna waits for a call.").wait_for()
        tester.get_by_role("button", name="No label").click()
        tester.get_by_role("heading", name=left).wait_for()
    assert set(TestCall.objects.values_list("state", "tester__name")) == {("done", "Anna")}
    page.goto(reverse("test-calls"))
    page.get_by_role("link", name="Revoke the link of Anna").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("The link of Anna was revoked.").wait_for()


def test_an_ended_link_says_what_to_do(live_url, open_page, console_errors):
    console_errors.expects.append("404")
    page = open_page(live_url, width=NARROW)
    page.goto("/t/no-such-token/")
    page.get_by_text("Ask whoever sent it to you for a new link.").wait_for()
    assert_usable(page, "ended-link")
