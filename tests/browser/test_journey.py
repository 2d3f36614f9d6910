"""The journey from enrollment to cleared labels, on a portal with workers and a fast clock."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from enrollment.questions import QUESTIONS
from tests.browser.helpers import fill_field, screenshot, sign_in
from tests.enrollment.form_data import BUSINESS
from tests.support.demo import BASE_DIR

ENABLE = "Enable spam monitoring and remediation"
DISABLE = "Disable spam monitoring and remediation"
TABLE = "/number-management/number-reputation/"
# Timeout, in milliseconds, of what takes service days.
SERVICE_DAYS_TIMEOUT = 90_000


@pytest.fixture
def account_admin_page(open_page, demo_portal) -> Page:
    """A page of the admin of an account that is not enrolled."""
    page = open_page(demo_portal.url)
    sign_in(page, "hana@harbordental.example")
    return page


@pytest.fixture
def reviewer_page(open_page, demo_portal) -> Page:
    """A page of the reviewer in Django admin."""
    page = open_page(demo_portal.url)
    page.goto("/admin/")
    page.get_by_label("E-mail").fill("riley@portal.example")
    page.get_by_label("Password").fill("demo-portal-2026")
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def test_the_whole_journey_from_enrollment_to_cleared_labels(account_admin_page, reviewer_page):
    enroll_with_two_no_answers(account_admin_page)
    approve(reviewer_page)
    expect(account_admin_page.get_by_text("Enrolled", exact=True).first).to_be_visible()
    import_numbers(account_admin_page)
    overview = account_admin_page.context.new_page()
    overview.goto("/")
    enable_all_but_one(account_admin_page)
    expect_capability_progress(account_admin_page)
    number = find_tagged_number(account_admin_page)
    expect_alerts_everywhere(account_admin_page, overview, number)
    expect_labels_cleared(account_admin_page)
    open_a_support_ticket(account_admin_page)
    disable(account_admin_page)


def enroll_with_two_no_answers(page: Page) -> None:
    page.goto(TABLE)
    page.get_by_role("link", name="Services details").click()
    window = page.get_by_role("dialog", name="Services details")
    expect(window.get_by_text("Not enrolled")).to_be_visible()
    window.get_by_role("link", name=ENABLE).click()

    page.locator("main").get_by_role("link", name=re.compile("form|Enroll|Begin", re.I)).first.click()
    for name, value in BUSINESS.items():
        fill_field(page.locator(f"#enrollment-form [name={name}]"), value)
    page.get_by_role("button", name=re.compile("continue", re.I)).click()

    for place, question in enumerate(QUESTIONS):
        answer = "no" if place in (0, 5) else "yes"
        page.locator(f"[name={question.id}-answer][value={answer}]").check()
    page.get_by_role("button", name=re.compile("continue", re.I)).click()

    warning = page.locator("main")
    expect(warning).to_contain_text("may be unable to help")
    expect(warning).to_contain_text(QUESTIONS[0].corrective_action)
    screenshot(page, "journey-warning")
    page.get_by_label("Your full name").fill("Hana Okafor")
    page.get_by_label("I may speak for this business").check()
    page.get_by_role("button", name="Send for review").click()
    expect(page.get_by_text("Under review").first).to_be_visible()


def approve(page: Page) -> None:
    page.goto("/admin/enrollment/application/")
    page.get_by_role("link", name=BUSINESS["legal_name"]).first.click()
    expect(page.get_by_role("heading", name="Assessment")).to_be_visible()
    expect(page.get_by_text("The applicant was told that the service may be unable to help.")).to_be_visible()
    screenshot(page, "journey-review")
    page.get_by_role("link", name="Approve").click()
    page.get_by_label(re.compile("^Reason")).fill("Invoices and a test call seen.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(re.compile("approved", re.I)).first).to_be_visible()


def import_numbers(page: Page) -> None:
    page.goto("/number-management/phone-numbers/")
    page.get_by_role("link", name=re.compile("Import")).first.click()
    page.locator("input[type=file]").set_input_files(BASE_DIR / "docs" / "sample-numbers.csv")
    page.get_by_role("button", name="Read the file").click()
    confirm = page.get_by_role("button", name=re.compile(r"^Import [\d,]+ numbers$"))
    expect(confirm).to_be_visible(timeout=60_000)
    for expected in ("Refused", "outside the United States", "letters", "The same number as in line"):
        expect(page.locator("main")).to_contain_text(re.compile(expected, re.I))
    screenshot(page, "journey-preview")
    confirm.click()
    expect(page.get_by_role("heading", name="This was done")).to_be_visible(timeout=60_000)
    screenshot(page, "journey-imported")


def enable_all_but_one(page: Page) -> None:
    page.goto(TABLE)
    page.get_by_label(re.compile("Select all")).check()
    page.get_by_role("button", name=ENABLE).click()
    window = page.get_by_role("dialog", name=ENABLE)
    expect(window.get_by_role("heading", name=re.compile("cannot be enabled"))).to_be_visible()
    for reason in ("United States numbers only", "no seat of the Spam Monitoring and Remediation licence is free"):
        expect(window.get_by_text(reason)).to_be_visible()
    window.get_by_text("United States numbers only").click()
    expect(window.get_by_text("Canada").first).to_be_visible()
    screenshot(page, "journey-window")
    button = window.get_by_role("button", name=re.compile(r"^Enable [\d,]+ numbers$"))
    before = count_in_label(button)
    window.get_by_role("button", name=re.compile("^Take out")).first.click()
    expect(button).to_have_text(f"Enable {before - 1:,} numbers")
    button.click()
    expect(window.get_by_text(f"Enabled {before - 1:,} numbers.")).to_be_visible()
    window.get_by_role("button", name="Close").last.click()


def expect_capability_progress(page: Page) -> None:
    """Expect the open page to show the progress without a reload."""
    table = page.locator("#results")
    expect(table.get_by_text("Verifying", exact=True).first).to_be_visible()
    expect(table.get_by_text("On", exact=True).first).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT)
    expect(page.locator("#needs-you")).to_have_text(re.compile(r"^[1-9]"), timeout=SERVICE_DAYS_TIMEOUT)
    screenshot(page, "journey-table")


def find_tagged_number(page: Page) -> dict[str, str]:
    page.goto(f"{TABLE}?status=in_remediation")
    row = page.locator("tr[data-row]").first
    expect(row).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT)
    return {"id": row.get_attribute("data-row"), "shown": row.locator(".number").inner_text()}


def expect_alerts_everywhere(page: Page, overview: Page, number: dict[str, str]) -> None:
    """Row 12: the table row, the number's page, the phone-number list, the campaign page, the caller-ID setting, the
    dashboard (open since before anything was tagged), the menu."""
    expect(overview.locator("[data-spam-alert]").first).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT)
    expect(overview.locator("#needs-you")).to_have_text(re.compile(r"^[1-9]"))

    def alert_on(path: str) -> Page:
        """Open the page, and wait for the alert of any tagged number."""
        page.goto(path)
        expect(page.locator("[data-spam-alert]").first).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT)
        return page

    alert_on(f"{TABLE}?status=in_remediation")
    alert_on("/number-management/phone-numbers/?status=in_remediation")
    page.goto("/outbound-dialer/campaigns/")
    page.get_by_role("link", name="Recall calls").first.click()
    campaign = page.url
    page.goto(f"{campaign}?status=in_remediation")
    expect(page.locator("#numbers [data-spam-alert]").first).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT)


def expect_labels_cleared(page: Page) -> None:
    """An alert on an open page disappears without a reload when its label is cleared."""
    alert = page.locator("main > [id^=alert-] [data-spam-alert]")
    for _ in range(10):  # the label may be cleared after the table was read
        page.goto(f"{TABLE}?status=in_remediation")
        link = page.locator("tr[data-row] .number").first
        expect(link).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT)
        link.click()
        page.wait_for_url(re.compile(r"/\d+/$"))
        if alert.count():
            break
    screenshot(page, "journey-number")
    expect(alert).to_have_count(0, timeout=SERVICE_DAYS_TIMEOUT)
    expect(page.locator("#timeline")).to_contain_text("Spam label gone")


def open_a_support_ticket(page: Page) -> None:
    page.goto("/")
    link = page.get_by_role("link", name=re.compile("^Open a support ticket")).first
    expect(link).to_be_visible(timeout=SERVICE_DAYS_TIMEOUT * 2)
    link.click()
    expect(page.get_by_label("Text for support")).to_have_value(re.compile(r"\+1\d{10}"))
    screenshot(page, "journey-ticket")
    page.get_by_label("The ticket's reference").fill("SUP-48213")
    page.get_by_role("button", name="Note the reference").click()
    expect(page.get_by_text("Ticket SUP-48213 is noted.")).to_be_visible()


def disable(page: Page) -> None:
    page.goto(TABLE)
    page.get_by_label(re.compile("Select all")).check()
    page.get_by_role("button", name=DISABLE).click()
    window = page.get_by_role("dialog", name=DISABLE)
    window.get_by_role("button", name=re.compile(r"^Disable [\d,]+ numbers$")).click()
    expect(window.get_by_text(re.compile(r"^Disabled [\d,]+ numbers\."))).to_be_visible(timeout=60_000)
    window.get_by_role("button", name="Close").last.click()
    expect(page.locator("#results").get_by_text("Off", exact=True).first).to_be_visible()
    expect(page.locator("#needs-you")).to_be_hidden()


def count_in_label(locator: Locator) -> int:
    return int(re.search(r"[\d,]+", locator.inner_text())[0].replace(",", ""))
