"""*Try it* on the campaign page: by keyboard, without a reload, at every width and in both themes."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from portal import audit
from portal.audit import Context
from portal.models import Member, today_of
from reputation.models import Campaign, CampaignCalls, NumberCalls, PhoneNumber
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS, WIDE, accessibility_violations, screenshot
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    EngineFactory,
    MemberFactory,
    PhoneNumberFactory,
    TagFactory,
)

SMALLEST_WIDTH = 320


@pytest.fixture
def viewer(live_url) -> Member:
    return MemberFactory(account=AccountFactory(), role=Member.Role.VIEWER)


@pytest.fixture
def campaign(viewer) -> Campaign:
    """Two numbers in Seattle, of which one is tagged, thirteen elsewhere in the State, and a default."""
    account = viewer.account
    campaign = CampaignFactory(account=account, name="Spring renewals")
    of_it = {"account": account, "campaign": campaign}
    since = timezone.now() - timedelta(days=3)
    tagged = PhoneNumberFactory(**of_it, e164="+12065550143", spam_status="tagged", tagged_since=since)
    TagFactory(account=account, number=tagged, engine=EngineFactory(slug="hiya", name="Hiya"), detected_at=since)
    PhoneNumberFactory(**of_it, e164="+12065550178", label="Seattle outbound 2")
    for place in range(13):
        PhoneNumberFactory(**of_it, e164=f"+1253555{100 + place:04}", label="Tacoma outbound")
    Campaign.objects.filter(pk=campaign.pk).update(default_number=tagged)
    return campaign


@pytest.fixture
def page(open_page, live_url, viewer, campaign) -> Page:
    page = open_page(live_url, as_=viewer)
    page.goto(f"/outbound-dialer/campaigns/{campaign.pk}/")
    return page


def test_a_number_is_tried_by_keyboard_without_a_reload(page):
    page.evaluate("window.untouched = true")
    field = page.get_by_label("Number to call")
    field.focus()
    page.keyboard.type("(206) 212-9911")
    page.keyboard.press("Enter")
    answer = page.locator("#trial")
    expect(answer).to_contain_text("A call to (206) 212-9911 (Washington) shows (206) 555-0178: same area code.")
    expect(answer.locator("tr", has_text="(206) 555-0143").first).to_contain_text("Tagged by Hiya since")
    expect(answer.locator("tr", has_text="(206) 555-0178")).to_contain_text("Next in turn")
    expect(answer.locator("tr.rest")).to_have_text("and 3 more: same state")
    expect(page.locator("#announce")).to_have_text("The call shows (206) 555-0178: same area code.")
    assert page.url.endswith("/?call=(206)%20212-9911"), "the address holds the question"
    expect(field).to_be_focused()
    assert page.evaluate("window.untouched")
    page.keyboard.press("Tab")
    expect(page.locator("#carrier-field input")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Find caller ID")).to_be_focused()
    page.reload()
    expect(answer).to_contain_text("shows (206) 555-0178")


def test_button_works_by_keyboard_and_the_next_number_replaces_the_result(page):
    field = page.get_by_label("Number to call")
    field.fill("206 212 9911")
    field.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#trial")).to_contain_text("shows (206) 555-0178")
    field.fill("+44 20 7946 0958")
    field.press("Enter")
    answer = page.locator("#trial")
    expect(answer).to_contain_text("shows (206) 555-0143, the default caller ID.")
    expect(answer).to_contain_text("Default: shown though tagged")
    page.go_back()
    expect(answer).to_contain_text("shows (206) 555-0178")
    expect(field).to_have_value("206 212 9911")


def test_invalid_number_shows_an_error_at_the_field_without_a_reload(page):
    page.evaluate("window.untouched = true")
    field = page.get_by_label("Number to call")
    field.fill("206 555")
    field.press("Enter")
    error = page.locator("#call-field .error")
    expect(error).to_contain_text("Digits are missing")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Digits are missing"))
    expect(field).to_have_value("206 555")
    expect(page.locator("#announce")).to_contain_text("Digits are missing")
    assert accessibility_violations(page) == []
    field.fill("206 212 9911")
    field.press("Enter")
    expect(page.locator("#trial")).to_contain_text("shows (206) 555-0178")
    expect(error).to_have_count(0)
    assert page.evaluate("window.untouched")


def test_url_holds_the_called_number_and_the_filter_of_the_table(page):
    field = page.get_by_label("Number to call")
    field.fill("206 212 9911")
    field.press("Enter")
    expect(page.locator("#trial")).to_contain_text("shows (206) 555-0178")
    page.locator("#filter-q").fill("Tacoma")
    expect(page.locator("#results tbody tr")).to_have_count(13)
    field.fill("253 212 9911")
    field.press("Enter")
    expect(page.locator("#trial")).to_contain_text("(Washington) shows (253) 555-01")
    page.reload()
    expect(page.locator("#trial")).to_contain_text("(Washington) shows (253) 555-01")
    expect(page.locator("#results tbody tr")).to_have_count(13)


def test_url_holds_both_when_the_filter_answers_after_the_next_number_is_sent(page):
    field = page.get_by_label("Number to call")
    field.fill("206 212 9911")
    field.press("Enter")
    expect(page.locator("#trial")).to_contain_text("shows (206) 555-0178")
    held: list[Route] = []
    page.route(re.compile("status=tagged"), lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(re.compile("status=tagged")):
        page.locator("#filters [name=status]").select_option("tagged")
    field.fill("253 212 9911")
    field.press("Enter")
    held[0].continue_()
    expect(page.locator("#results tbody tr")).to_have_count(1)
    expect(page.locator("#trial")).to_contain_text("(Washington) shows (253) 555-01")
    assert "253" in page.url, "the address names the number of the last answer"
    assert "status=tagged" in page.url


def test_result_on_an_open_page_is_updated_when_a_number_is_tagged(page, campaign):
    field = page.get_by_label("Number to call")
    field.fill("206 212 9911")
    field.press("Enter")
    expect(page.locator("#trial")).to_contain_text("shows (206) 555-0178")
    number = PhoneNumber.objects.get(e164="+12065550178")
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status="tagged", tagged_since=timezone.now())
    audit.record_event(
        account=campaign.account, context=Context.system(timezone.now()), code="tag.detected", subject=number
    )
    expect(page.locator("#trial")).to_contain_text("(Washington) shows (253) 555-01")


def test_number_can_be_tried_without_javascript(chromium, live_url, viewer, campaign, open_page):
    cookies = open_page(live_url, as_=viewer).context.cookies()
    context = chromium.new_context(base_url=live_url, java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"/outbound-dialer/campaigns/{campaign.pk}/")
    page.get_by_label("Number to call").fill("206 212 9911")
    page.get_by_role("button", name="Find caller ID").click()
    expect(page.locator("#trial")).to_contain_text("shows (206) 555-0178")
    assert page.url.endswith("?call=206+212+9911&carrier=#try-it")
    context.close()


@pytest.mark.parametrize("called", ["206 212 9911", "+442079460958", "911"])
@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (NARROW, False), (SMALLEST_WIDTH, True)])
def test_result_is_accessible_and_fits_at_every_width_and_in_both_themes(
    open_page, live_url, viewer, campaign, width, dark, called
):
    today = today_of(viewer.account, timezone.now())
    of = {"account": viewer.account, "campaign": campaign, "day": today, "calls": 1_234_567}
    for basis in ("area_code", "default"):
        CampaignCalls.objects.create(**of, basis=basis, skipped_tagged=True)
    page = open_page(live_url, as_=viewer, width=width, dark=dark)
    page.goto(f"/outbound-dialer/campaigns/{campaign.pk}/?{urlencode({'call': called})}")
    screenshot(page, f"try-it-{called.replace(' ', '')}-{width}-{'dark' if dark else 'light'}")
    assert accessibility_violations(page) == []
    assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []


@pytest.mark.parametrize("dark", [False, True])
def test_chart_of_calls_is_accessible_and_fits(open_page, live_url, viewer, campaign, dark):
    number = PhoneNumber.objects.get(e164="+12065550178")
    today = today_of(viewer.account, timezone.now())
    for before in range(20):
        day = today - timedelta(days=before)
        NumberCalls.objects.create(account=viewer.account, number=number, day=day, calls=(before * 37) % 100)
    page = open_page(live_url, as_=viewer, width=SMALLEST_WIDTH, dark=dark)
    page.goto(f"/number-management/number-reputation/{number.pk}/")
    expect(page.get_by_role("img", name="Calls on each of the last 30 days")).to_be_visible()
    screenshot(page, f"shown-on-calls-{'dark' if dark else 'light'}")
    assert accessibility_violations(page) == []
    assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
