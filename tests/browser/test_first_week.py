"""The first week of a one-person business, on a fresh production install without a contract (docs/first-week.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from enrollment.questions import QUESTIONS
from tests.browser.helpers import NARROW, fill_field, screenshot
from tests.enrollment.form_data import BUSINESS
from tests.support.production import PASSWORD, SUPERUSER, ProductionPortal, production_portal
from tests.support.second_factors import get_code
from tests.support.waiting import wait_until

OWNER = "dana@cascadesolar.example"
TABLE = "/number-management/number-reputation/"
ENABLE = "Enable spam monitoring and remediation"
NUMBERS = [f"206555{last:04}" for last in range(100, 140)]
TELEPHONES = (
    ("Dana's iPhone", "T-Mobile", "Apple", "ios"),
    ("Office Galaxy", "AT&T", "Samsung", "android"),
    ("Sam's Pixel", "Verizon", "Google", "android"),
)
# Timeout of what the workers do, in milliseconds. Only a failing test waits this long.
WORKERS_TIMEOUT = 90_000


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Iterator[ProductionPortal]:
    with production_portal(tmp_path_factory.mktemp("production") / "data") as portal:
        yield portal


def test_the_first_week_without_a_contract(installed, open_page):
    operator = open_page(installed.url)
    add_account(operator)
    owner = open_page(installed.url)
    choose_password(owner, installed)
    enroll(owner)
    approve(operator)
    add_campaign(owner)
    import_numbers(owner)
    enable_all(owner)
    add_telephones(owner)
    phone = open_page(installed.url, width=NARROW)
    sign_in_owner(phone)
    tagged = make_round(phone, calls=25, label_on="T-Mobile")[0]
    expect_tagged(owner, tagged)
    expect_skipped(owner, tagged)
    work_the_desk(owner, tagged)
    for _ in range(2):
        for page in (operator, owner, phone):
            page.goto("about:blank")  # while the portal is down, nothing asks it
        installed.wait_days(1)
        assert tagged in make_round(phone)
    expect_closed(owner, tagged)


def add_account(page: Page) -> None:
    """The operator sets up a second factor, and adds the account: its licence, and its owner, who gets a mail."""
    page.goto("/admin/portal/account/add/")
    page.get_by_label("E-mail").fill(SUPERUSER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    set_up_app(page)
    page.goto("/admin/portal/account/add/")
    page.get_by_label("Name:").fill("Cascade Solar")
    page.get_by_text("Add another Licence").click()
    page.locator("[name=licences-0-product]").select_option("contact_center_elite")
    page.locator("[name=licences-0-seats]").fill("5")
    page.get_by_text("Add another Member").click()
    page.locator("[name=members-0-email]").fill(OWNER)
    page.locator("[name=members-0-role]").select_option("owner")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("was added successfully")


def set_up_app(page: Page) -> None:
    expect(page.get_by_text("The administration needs a second factor of you")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_label("Code that the app shows").fill(get_code(page.locator("code.token").inner_text()))
    page.get_by_role("button", name="Use the app").click()
    page.wait_for_url("**/account/sign-in/codes/")


def choose_password(page: Page, portal: ProductionPortal) -> None:
    """The owner follows the link of the invitation, and signs in."""
    wait_until(lambda: portal.read_links(OWNER, "/password/set/"))
    [link] = portal.read_links(OWNER, "/password/set/")
    page.goto(link)
    for field in page.locator("main input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    sign_in_owner(page)


def sign_in_owner(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("/")


def enroll(page: Page) -> None:
    page.goto("/enrollment/")
    page.locator("main").get_by_role("link", name=ENABLE).click()
    for name, value in BUSINESS.items():
        fill_field(page.locator(f"#enrollment-form [name={name}]"), value)
    page.get_by_role("button", name=re.compile("continue", re.I)).click()
    for question in QUESTIONS:
        page.locator(f"[name={question.id}-answer][value=yes]").check()
    page.get_by_role("button", name=re.compile("continue", re.I)).click()
    page.get_by_label("Your full name").fill("Dana Reyes")
    page.get_by_label("I may speak for this business").check()
    page.get_by_role("button", name="Send for review").click()
    expect(page.get_by_text("Under review").first).to_be_visible()


def approve(page: Page) -> None:
    page.goto("/admin/enrollment/application/")
    page.get_by_role("link", name=BUSINESS["legal_name"]).first.click()
    page.get_by_role("link", name="Approve").click()
    page.get_by_label(re.compile("^Reason")).fill("Invoices and a test call seen.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(re.compile("approved", re.I)).first).to_be_visible()


def add_campaign(page: Page) -> None:
    page.goto("/outbound-dialer/campaigns/")
    page.get_by_role("link", name=re.compile("Add")).first.click()
    page.get_by_label("Name").fill("Recall calls")
    page.locator("main button[type=submit]").click()
    expect(page.get_by_role("heading", name="Recall calls")).to_be_visible()


def import_numbers(page: Page) -> None:
    lines = ["Phone Number,Campaign", *(f"{number},Recall calls" for number in NUMBERS)]
    page.goto("/number-management/phone-numbers/")
    page.get_by_role("link", name=re.compile("Import")).first.click()
    page.locator("input[type=file]").set_input_files(
        {"name": "numbers.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    page.get_by_role("button", name="Read the file").click()
    confirm = page.get_by_role("button", name="Import 40 numbers")
    expect(confirm).to_be_visible(timeout=WORKERS_TIMEOUT)
    confirm.click()
    expect(page.get_by_role("heading", name="This was done")).to_be_visible(timeout=WORKERS_TIMEOUT)


def enable_all(page: Page) -> None:
    """Nobody registers numbers, so monitoring is on at once. Nothing was seen of any number yet."""
    page.goto(TABLE)
    page.get_by_label(re.compile("Select all")).check()
    page.get_by_role("button", name=ENABLE).click()
    window = page.get_by_role("dialog", name=ENABLE)
    window.get_by_role("button", name="Enable 40 numbers").click()
    expect(window.get_by_text("Enabled 40 numbers.")).to_be_visible(timeout=WORKERS_TIMEOUT)
    window.get_by_role("button", name="Close").last.click()
    screenshot(page, "first-week-enabled")


def add_telephones(page: Page) -> None:
    """Three telephones, set up and proven: each displayed some caller's label today."""
    for place, (name, carrier, make, system) in enumerate(TELEPHONES):
        page.goto("/number-management/test-calls/")
        page.get_by_role("link", name="Add a telephone").first.click()
        form = page.locator("main form")
        for field, value in {
            "name": name,
            "number": f"(206) 555-019{place}",
            "carrier": carrier,
            "plan": "postpaid",
            "make": make,
            "system": system,
        }.items():
            fill_field(form.locator(f"[name={field}]"), value)
        form.locator("button[type=submit]").first.click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        for setting in page.locator("#set-up fieldset").all():
            on = "Switch on" in setting.locator("legend").inner_text()
            setting.locator(f"input[value={'on' if on else 'off'}]").check()
        page.get_by_role("button", name="Save the settings").click()
        expect(page.get_by_text("All settings are as they should be")).to_be_visible()
        page.get_by_role("button", name="Confirm label seen").click()
        expect(page.locator("#proof")).to_contain_text("Proven")
    screenshot(page, "first-week-telephone")


def make_round(page: Page, *, calls: int | None = None, label_on: str = "") -> list[str]:
    """Make the calls of a round of 30 minutes on a page as wide as a phone's, and end it.

    Returns the called numbers. The first call to a telephone of `label_on` shows a label, and its number comes first.
    """
    page.goto("/number-management/test-calls/")
    page.get_by_role("link", name="Begin a round").first.click()
    if calls:
        expect(page.get_by_role("heading", name=f"{calls} calls")).to_be_visible()
    screenshot(page, "first-week-plan")
    page.get_by_role("button", name="Begin the round").click()
    panel = page.locator("#call-panel")
    expect(panel.get_by_role("button", name="Next call")).to_be_visible()
    called: list[str] = []
    while panel.get_by_role("button", name="Next call").count():
        panel.get_by_role("button", name="Next call").click()
        expect(panel.get_by_role("heading", name=f"Call {len(called) + 1}")).to_be_visible()
        number = panel.locator(".call-steps .big").first.inner_text().split("\n")[0].strip()
        if label_on and label_on in panel.locator(".call-steps").inner_text():
            screenshot(page, "first-week-call")
            panel.get_by_text("Label…").click()
            panel.get_by_role("button", name="Scam Likely").click()
            called.insert(0, number)
            label_on = ""
        else:
            panel.get_by_role("button", name=re.compile("^No label")).click()
            called.append(number)
        expect(panel.get_by_role("heading", name=re.compile("Next call|All calls are made"))).to_be_visible()
    screenshot(page, "first-week-round")
    panel.get_by_role("link", name="End the round").click()
    page.get_by_role("button", name="End the round").click()
    expect(page.get_by_text("The round has ended. Its results count now.")).to_be_visible()
    return called


def expect_tagged(page: Page, number: str) -> None:
    """The number is tagged, with alerts and a case. One call proves nothing about the others."""
    page.goto(TABLE)
    row = page.locator("tr[data-row]").filter(has_text=number)
    expect(row).to_contain_text("Tagged")
    expect(page.locator("tr[data-row]").filter(has_text="Not yet known")).to_have_count(39)
    expect(page.locator("tr[data-row]").filter(has_text="No label seen")).to_have_count(24)
    expect(page.locator("tr[data-row]").filter(has_text="Not yet seen")).to_have_count(15)
    screenshot(page, "first-week-tagged")
    for path in ("/", "/number-management/phone-numbers/"):
        page.goto(path)
        expect(page.locator("[data-spam-alert]").first).to_be_visible()
    page.goto(TABLE)
    row.get_by_role("link", name="See the case").click()
    expect(page.locator("main")).to_contain_text("Your turn")
    screenshot(page, "first-week-case")


def expect_skipped(page: Page, number: str) -> None:
    page.goto("/outbound-dialer/campaigns/")
    page.get_by_role("link", name="Recall calls").first.click()
    expect(page.locator("[data-spam-alert]").first).to_be_visible()
    page.get_by_label("Number to call").fill("(206) 555-0150")
    page.get_by_role("button", name="Find caller ID").click()
    candidates = page.get_by_role("region", name="Candidates")
    expect(candidates.locator("tr").filter(has_text=number)).to_contain_text("Tagged by First Orion")
    expect(page.locator(".answer")).not_to_contain_text(number)
    screenshot(page, "first-week-campaign")


def work_the_desk(page: Page, number: str) -> None:
    """Send the request, and keep the desk's answer: a claim that two calls have to prove."""
    page.goto("/number-management/remediation-desk/")
    screenshot(page, "first-week-desks")
    page.locator("main").get_by_role("link", name=re.compile("T-Mobile")).first.click()
    page.get_by_label(number).check()
    page.get_by_role("button", name="Take these").click()
    expect(page.get_by_role("heading", name=re.compile("^Prepare for"))).to_be_visible()
    screenshot(page, "first-week-packet")
    page.get_by_label("The desk's reference").fill("T-4711")
    page.get_by_label("Our business itself uses these numbers").check()
    page.get_by_role("button", name="as sent").click()
    expect(page.get_by_role("heading", name=re.compile("^Sent to"))).to_be_visible()
    screenshot(page, "first-week-sent")
    page.get_by_role("button", name="Record a reply").click()
    page.get_by_label("The desk's words").fill("The label was removed.")
    page.get_by_label("It says that the label is gone").check()
    page.get_by_role("button", name="Keep the reply").click()
    expect(page.get_by_text("The desk says done: a claim.")).to_be_visible()


def expect_closed(page: Page, number: str) -> None:
    page.goto(TABLE)
    screenshot(page, "first-week-cleared")
    expect(page.locator("tr[data-row]").filter(has_text=number)).not_to_contain_text("Tagged")
    page.locator("tr[data-row]").filter(has_text=number).locator(".number").click()
    expect(page.locator("#timeline")).to_contain_text("Spam label gone")
