"""An Excel workbook is imported by mapping its columns, and the next one with the same headings needs no mapping."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.models import Member
from reputation.imports import pipeline
from reputation.models import NumberImport, PhoneNumber
from tests.browser.helpers import NARROW, OVERFLOWING_ELEMENTS_JS, accessibility_violations, screenshot
from tests.factories import AccountFactory, MemberFactory
from tests.support.workbooks import make_workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TITLES = (["Active numbers report"], ["Generated 11/26/2026 09:15 AM"], [])
HEADINGS = ["Main number", "Direct number", "Type", "Site"]


@pytest.fixture
def admin(live_url, settings, tmp_path) -> Member:
    settings.MEDIA_ROOT = tmp_path
    return MemberFactory(account=AccountFactory(), role=Member.Role.ADMIN)


def upload(page: Page, *rows: list[object]) -> None:
    """Upload a workbook with these rows, and let a worker read it."""
    page.goto("/number-management/phone-numbers/import/")
    content = make_workbook({"Numbers": [*TITLES, HEADINGS, *rows, [f"Total: {len(rows)}"]]})
    page.locator("[name=file]").set_input_files({"name": "numbers.xlsx", "mimeType": XLSX, "buffer": content})
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", name="Reading the file")).to_be_visible()
    read_with_worker(page)


def read_with_worker(page: Page) -> None:
    for batch in NumberImport.objects.in_progress():
        pipeline.advance(batch, now=timezone.now())
    page.reload()


def test_a_workbook_is_imported_by_mapping_its_columns_and_the_next_needs_no_mapping(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    upload(
        page,
        [2065550143, "(206) 555-0153", "local", "Seattle"],
        [2065550144, "(206) 555-0154", "toll-free", "Bellevue"],
    )
    expect(page.get_by_label("Direct number")).to_have_value("ignore")
    expect(page.get_by_label("Type")).to_have_value("ignore")
    expect(page.get_by_text("2 new, 1 refused").or_(page.get_by_text("Import 2 numbers"))).to_be_visible()
    page.get_by_label("Main number").select_option("ignore")
    page.get_by_label("Direct number").select_option("number")
    page.get_by_label("Site").select_option("label")
    screenshot(page, "import-columns")
    assert not accessibility_violations(page)
    page.get_by_role("button", name="Update the preview").click()
    read_with_worker(page)
    expect(page.get_by_text("The columns are read as chosen.")).to_be_visible()
    page.get_by_role("button", name="Import 2 numbers").click()
    expect(page.get_by_text("2 numbers imported.")).to_be_visible()
    assert dict(PhoneNumber.objects.values_list("e164", "label")) == {
        "+12065550153": "Seattle",
        "+12065550154": "Bellevue",
    }
    upload(page, [2065550145, "(206) 555-0155", "mobile", "Tacoma"])
    expect(page.get_by_label("Direct number")).to_have_value("number")
    page.get_by_role("button", name="Import 1 number").click()
    expect(page.get_by_text("1 number imported.")).to_be_visible()
    assert PhoneNumber.objects.get(label="Tacoma").e164 == "+12065550155"


@pytest.mark.parametrize("dark", [False, True])
def test_many_columns_scroll_in_their_box_on_a_narrow_page(open_page, live_url, admin, dark):
    page = open_page(live_url, as_=admin, width=NARROW, dark=dark)
    upload(page, [2065550143, "(206) 555-0153", "local", "Seattle"])
    box = page.get_by_role("region", name="Columns of the file")
    assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
    assert box.evaluate("box => box.scrollWidth > box.clientWidth && box.tabIndex === 0")
    screenshot(page, f"import-columns-narrow-{'dark' if dark else 'light'}")
    assert not accessibility_violations(page)
