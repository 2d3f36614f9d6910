"""*Disable*, *Try it* and *Use it again* in the browser: open pages are correct without a reload."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.models import Member
from reputation.models import Case, PhoneNumber
from reputation.numbers import spam_status
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS, WIDE, accessibility_violations, screenshot
from tests.factories import (
    AccountFactory,
    CampaignFactory,
    CaseFactory,
    EngineFactory,
    MemberFactory,
    MonitoredNumberFactory,
    SubmissionFactory,
    TagFactory,
)

TABLE = "/number-management/number-reputation/"


@pytest.fixture
def admin(live_url) -> Member:
    return MemberFactory(account=AccountFactory(), role=Member.Role.ADMIN)


@pytest.fixture
def number(admin) -> PhoneNumber:
    """A tagged number in a campaign, with a request at its engine, and an untagged one elsewhere."""
    account, now = admin.account, timezone.now()
    campaign = CampaignFactory(account=account, name="Renewals")
    number = MonitoredNumberFactory(account=account, campaign=campaign, e164="+12065550143", label="Seattle outbound")
    engine = EngineFactory(slug="hiya", name="Hiya")
    case = CaseFactory(account=account, number=number, state=Case.State.SUBMITTED)
    TagFactory(account=account, number=number, engine=engine, case=case)
    SubmissionFactory(case=case, engine=engine, state="submitted", reference="HY-1", sent_at=now)
    spam_status.recompute([number.pk], now=timezone.now())
    MonitoredNumberFactory(account=account, e164="+12535550178")
    return number


def confirm_in_window(page: Page, button: str) -> None:
    dialog = page.locator("dialog[open]")
    dialog.get_by_role("button", name=button).click()
    dialog.locator("footer").get_by_role("button", name="Close").click()
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_the_table_is_correct_after_disable_without_a_reload(open_page, live_url, admin, number):
    page = open_page(live_url, as_=admin)
    page.goto(f"{TABLE}?status=tagged")
    page.evaluate("window.untouched = true")
    expect(page.locator("#needs-you")).to_be_visible()
    page.get_by_label("Select (206) 555-0143").check()
    page.get_by_role("button", name="Disable spam monitoring and remediation").click()
    hidden = page.locator("dialog[open] #hidden-labels")
    expect(hidden).to_contain_text("1 of these numbers carries a spam label.")
    expect(hidden).to_contain_text("Left without a caller ID: Renewals.")
    screenshot(page, "disable-window")
    confirm_in_window(page, "Disable 1 number")
    expect(page.get_by_text("No number matches")).to_be_visible()
    expect(page.locator("#tallies a", has_text="Labelled when last seen")).to_contain_text("1")
    expect(page.locator("#tallies a[href*='status=tagged']")).to_contain_text("0")
    expect(page.locator("#needs-you")).to_be_hidden()
    expect(page.locator("#selected")).to_have_text("Nothing selected")
    assert page.evaluate("window.untouched")


def test_the_number_page_is_correct_after_disable_and_use_it_again_without_a_reload(
    open_page, live_url, admin, number, console_errors
):
    console_errors.expects.append("422")  # the missing reason
    page = open_page(live_url, as_=admin)
    page.goto(f"{TABLE}{number.pk}/")
    page.evaluate("window.untouched = true")
    expect(page.locator("#case-card")).to_contain_text("Case")
    page.get_by_role("button", name="Disable").click()
    confirm_in_window(page, "Disable 1 number")
    expect(page.locator(f"#status-{number.pk}")).to_have_text("Labelled when last seen")
    expect(page.locator(f"#alert-{number.pk}")).to_contain_text("was labelled as spam by Hiya when last seen")
    expect(page.locator(f"#alert-{number.pk}")).to_contain_text("Hiya received a request to remove the label")
    expect(page.locator("#case-card section")).to_have_count(0)
    expect(page.locator("#cases")).to_contain_text("Cancelled")
    expect(page.locator("#needs-you")).to_be_hidden()
    expect(page.get_by_role("button", name="Enable")).to_be_visible()
    expect(page.get_by_role("button", name="Disable")).to_have_count(0)

    page.get_by_role("button", name="Use it again").click()
    reason = page.get_by_label("Why may they be used again?")
    page.get_by_role("button", name="Use 1 number again").click()
    expect(page.locator("#reason-error")).to_have_text("Nothing was changed. Say why, for the audit trail.")
    expect(reason).to_be_focused()
    reason.fill("The carrier removed the label.")
    screenshot(page, "use-again-window")
    confirm_in_window(page, "Use 1 number again")
    expect(page.locator(f"#status-{number.pk}")).to_have_text("Not monitored")
    expect(page.locator("#timeline")).to_contain_text("The carrier removed the label.")
    expect(page.get_by_role("button", name="Use it again")).to_have_count(0)
    assert page.evaluate("window.untouched")


def test_try_it_skips_the_number_until_it_is_used_again(open_page, live_url, admin, number):
    page = open_page(live_url, as_=admin)
    page.goto(f"{TABLE}{number.pk}/")
    page.get_by_role("button", name="Disable").click()
    confirm_in_window(page, "Disable 1 number")
    page.goto(f"/outbound-dialer/campaigns/{number.campaign_id}/?call=2065559911")
    answer = page.locator("#trial")
    expect(answer).to_contain_text("no caller ID")
    expect(answer.locator("tr", has_text="(206) 555-0143")).to_contain_text("Labelled by Hiya when last seen")
    expect(page.locator("#campaign-tagged")).to_contain_text("1 was labelled when last seen, and skipped too")
    page.goto(f"{TABLE}{number.pk}/")
    page.get_by_role("button", name="Use it again").click()
    page.get_by_label("Why may they be used again?").fill("The carrier removed the label.")
    confirm_in_window(page, "Use 1 number again")
    page.goto(f"/outbound-dialer/campaigns/{number.campaign_id}/?call=2065559911")
    expect(answer).to_contain_text("shows (206) 555-0143: same area code and exchange.")


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("dark", [False, True])
def test_the_status_is_readable_at_every_width_and_in_both_themes(open_page, live_url, admin, number, width, dark):
    PhoneNumber.objects.filter(pk=number.pk).update(
        capability="off", spam_status="last_seen", tagged_since=None, decision_due_at=timezone.now()
    )
    number.tags.update(ended_at=timezone.now(), end_reason="not_monitored", last_seen_at=timezone.now())
    number.cases.update(state=Case.State.CANCELLED, closed_at=timezone.now())
    page = open_page(live_url, as_=admin, width=width, dark=dark)
    name = f"{'narrow' if width == NARROW else 'wide'}-{'dark' if dark else 'light'}"
    for place, address in (
        ("overview", "/"),
        ("table", TABLE),
        ("number", f"{TABLE}{number.pk}/"),
        ("campaign", f"/outbound-dialer/campaigns/{number.campaign_id}/?call=2065559911"),
    ):
        page.goto(address)
        screenshot(page, f"last-seen-{place}-{name}")
        assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
        assert accessibility_violations(page) == []
