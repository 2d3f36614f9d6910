"""Mapping the columns of an import: the preview follows each choice, and the next file needs none."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

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
    read_with_worker(page)


def read_with_worker(page: Page) -> None:
    """Let a worker read the file. The page shows the preview by itself."""
    expect(page.get_by_role("heading", name="Reading the file")).to_be_visible()
    for batch in NumberImport.objects.in_progress():
        pipeline.advance(batch, now=timezone.now())
    expect(page.get_by_role("heading", name="How the file is read")).to_be_visible()


def upload_text(page: Page, content: str) -> None:
    """Upload a small file, which the request reads."""
    page.goto("/number-management/phone-numbers/import/")
    page.locator("[name=file]").set_input_files(
        {"name": "numbers.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_role("heading", name="How the file is read")).to_be_visible()


def tally(page: Page, name: str) -> Locator:
    return page.locator(".counts div", has_text=name).locator("dd")


def test_a_workbook_is_imported_by_mapping_its_columns_and_the_next_needs_no_mapping(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    upload(
        page,
        [2065550143, "(206) 555-0153", "local", "Seattle"],
        [2065550144, "(206) 555-0154", "toll-free", "Bellevue"],
    )
    expect(page.get_by_label("Direct number")).to_have_value("ignore")
    expect(page.get_by_label("Type")).to_have_value("ignore")
    expect(page.get_by_role("button", name="Import 2 numbers")).to_be_visible()
    page.get_by_label("Direct number").select_option("number")
    read_with_worker(page)
    expect(page.get_by_label("Main number")).to_have_value("ignore")
    page.get_by_label("Site").select_option("label")
    read_with_worker(page)
    expect(page.get_by_text("The columns are read as chosen.")).to_be_visible()
    screenshot(page, "import-columns")
    assert not accessibility_violations(page)
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


class TestChangeOfAChoice:
    """The preview follows each choice, without a button."""

    CONTENT = "Phone,Fax,Site\n2065550143,2065550153,Kent\n2065550144,2065550154,Lacey\nnone,2065550155,Yelm\n"

    @pytest.fixture
    def page(self, open_page, live_url, admin) -> Page:
        page = open_page(live_url, as_=admin)
        upload_text(page, self.CONTENT)
        return page

    def test_it_updates_the_counts_announces_them_and_keeps_the_focus(self, page):
        expect(tally(page, "New")).to_have_text("2")
        expect(page.get_by_role("button", name="Update the preview")).to_be_hidden()
        fax = page.get_by_label("Fax")
        fax.focus()
        fax.select_option("number")
        expect(tally(page, "New")).to_have_text("3")
        expect(tally(page, "Refused")).to_have_text("0")
        expect(page.locator("#announce")).to_have_text("This will happen: 3 new")
        expect(fax).to_be_focused()
        expect(fax).to_have_value("number")
        expect(page.get_by_label("Phone")).to_have_value("ignore")
        expect(page.get_by_role("button", name="Import 3 numbers")).to_be_visible()

    def test_another_encoding_keeps_the_focus(self, page):
        encoding = page.get_by_label("Encoding (guessed)")
        encoding.focus()
        encoding.select_option("utf-16-le")
        expect(page.get_by_text("The file cannot be read like this.")).to_be_visible()
        expect(page.locator("#encoding")).to_be_focused()
        page.locator("#encoding").select_option("utf-8")
        expect(tally(page, "New")).to_have_text("2")

    def test_a_wrong_choice_is_answered_in_place_and_changes_nothing(self, page, console_errors):
        console_errors.expects.append("422")
        phone = page.get_by_label("Phone")
        phone.focus()
        phone.select_option("label")
        error = page.get_by_role("alert").filter(has_text="The choice was not applied.")
        expect(error).to_contain_text("No column is chosen as number.")
        expect(phone).to_have_value("label")
        expect(phone).to_be_focused()
        expect(tally(page, "New")).to_have_text("2")
        page.get_by_label("Fax").select_option("number")
        expect(error).to_have_count(0)
        expect(tally(page, "New")).to_have_text("3")
        expect(phone).to_have_value("label")

    def test_two_changes_in_a_row_both_count(self, page):
        page.get_by_label("Fax").select_option("number")
        page.get_by_label("Site").select_option("label")
        expect(page.get_by_role("cell", name="Yelm").first).to_be_visible()
        expect(page.get_by_text("2 columns ignored")).to_have_count(0)
        expect(page.get_by_text("1 column ignored")).to_be_visible()
        assert NumberImport.objects.get().columns == {"number": 1, "label": 2}

    def test_a_choice_in_the_moment_that_the_preview_is_replaced_counts(self, page):
        page.evaluate("""() => document.addEventListener("htmx:afterSwap", () => setTimeout(() => {
          const fax = [...document.querySelectorAll("select")].find((field) => field.labels[0].textContent === "Fax");
          fax.value = "number";
          fax.dispatchEvent(new Event("change", { bubbles: true }));
        }), { once: true })""")
        page.get_by_label("Site").select_option("label")
        expect(tally(page, "New")).to_have_text("3")
        assert NumberImport.objects.get().columns == {"number": 1, "label": 2}

    def test_a_choice_made_while_the_scripts_are_loading_counts(self, page):
        scripts: list[Route] = []
        page.route("**/js/portal*.js", lambda route: scripts.append(route))
        page.goto(page.url, wait_until="commit")
        page.get_by_label("Fax").select_option("number")
        expect(tally(page, "New")).to_have_text("2")
        scripts[0].continue_()
        expect(tally(page, "New")).to_have_text("3")
        expect(page.get_by_label("Fax")).to_have_value("number")


def test_the_changed_choice_stays_in_view_on_a_long_page(open_page, live_url, admin):
    page = open_page(live_url, as_=admin, width=NARROW)
    upload_text(page, "Phone,Fax\n" + "".join(f"20655501{n},20655502{n}\n" for n in range(10, 40)))
    fax = page.get_by_label("Fax")
    fax.focus()
    fax.select_option("number")
    expect(page.get_by_label("Phone")).to_have_value("ignore")
    expect(page.locator("#announce")).to_have_text("This will happen: 30 new")
    expect(fax).to_be_in_viewport()


def test_the_changed_choice_has_the_focus_again_after_a_worker_read_the_file(open_page, live_url, admin):
    page = open_page(live_url, as_=admin)
    upload(page, [2065550143, "(206) 555-0153", "local", "Seattle"])
    site = page.get_by_label("Site")
    site.focus()
    site.select_option("label")
    read_with_worker(page)
    expect(site).to_be_focused()
    expect(page.locator("#announce")).to_have_text("This will happen: 1 new, 1 refused")


def test_the_button_is_there_without_scripts(open_page, live_url, admin):
    page = open_page(live_url, as_=admin, scripts=False)
    upload_text(page, TestChangeOfAChoice.CONTENT)
    page.get_by_label("Phone").select_option("ignore")
    page.get_by_label("Fax").select_option("number")
    page.get_by_role("button", name="Update the preview").click()
    expect(tally(page, "New")).to_have_text("3")


@pytest.mark.parametrize("dark", [False, True])
def test_many_columns_scroll_in_their_box_on_a_narrow_page(open_page, live_url, admin, dark):
    page = open_page(live_url, as_=admin, width=NARROW, dark=dark)
    upload(page, [2065550143, "(206) 555-0153", "local", "Seattle"])
    box = page.get_by_role("region", name="Columns of the file")
    assert page.evaluate(OVERFLOWING_ELEMENTS_JS) == []
    assert box.evaluate("box => box.scrollWidth > box.clientWidth && box.tabIndex === 0")
    screenshot(page, f"import-columns-narrow-{'dark' if dark else 'light'}")
    assert not accessibility_violations(page)
