"""The pages of an import: choosing a file, the preview, progress, the result, and the list of imports."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reputation.imports import cleanup, pipeline
from reputation.models import NumberImport, PhoneNumber
from tests.factories import AccountFactory, MemberFactory, PhoneNumberFactory
from tests.reputation.imports.import_data import stored_files
from tests.reputation.views.import_pages import NEW_URL, get_page, post_file
from tests.support.pages import get_html

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

LIST_URL = reverse("imports")
State = NumberImport.State


@pytest.fixture
def background_only(monkeypatch):
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_BYTES", 0)
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)


def test_file_is_previewed_confirmed_and_imported(as_admin, account):
    PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
    preview = get_html(
        post_file(
            as_admin,
            b"phone;label\r\n206 255 0143;Seattle\r\n425 255 0144;Bellevue\r\n416 255 0145;Toronto\r\n206 255 014;\r\n",
        )
    )
    for expected in (
        "This will happen",
        "Nothing is written yet",
        "Import 3 numbers",
        "1 of the new numbers is outside the United States: listed, but cannot be monitored.",
        "was Old",
        "Canada",
        "Digits are missing",
        "The columns were found by their headings and content.",
    ):
        assert expected in preview
    assert PhoneNumber.objects.count() == 1
    batch = NumberImport.objects.get()
    result = get_html(as_admin.post(reverse("import-confirm", args=[batch.pk]), follow=True))
    assert "3 numbers imported." in result
    assert "This was done" in result
    assert PhoneNumber.objects.for_account(account).count() == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty. Nothing was imported."),
        (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook, or one with a password, not CSV."),
        (b"First;Last\r\nDana;Whitfield\r\n", "The first line has “First”, “Last”."),
    ],
)
def test_unreadable_file_shows_an_error_at_the_field(as_admin, content, reason):
    page = get_html(post_file(as_admin, content))
    assert reason in page
    assert 'aria-invalid="true"' in page
    assert not NumberImport.objects.exists()


def test_file_over_the_size_limit_shows_an_error_at_the_field_and_is_not_stored(as_admin, settings, tmp_path):
    settings.UPLOAD_LIMIT_MB = 1
    page = get_html(post_file(as_admin, b"number\n" + b"2062550143\n" * 100_000))
    assert "The file is larger than 1 MB. Nothing was imported." in page
    assert "Choose a file first" not in page
    assert not NumberImport.objects.exists()
    assert not stored_files(tmp_path)


def test_missing_file_shows_an_error_at_the_field(as_admin):
    assert "Choose a file first." in get_html(as_admin.post(NEW_URL))


def test_content_of_a_file_is_escaped(as_admin):
    page = get_html(post_file(as_admin, b"number,<i>x</i>\n<script>alert(1)</script>,a\n", name="<b>.csv"))
    assert "<script>alert(1)" not in page
    assert "<i>x</i>" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.usefixtures("background_only")
def test_progress_is_shown_on_all_pages_until_the_import_ends(as_admin, create_import, actor, now):
    batch = create_import()
    page = get_page(as_admin, batch)
    assert "Reading the file" in page
    assert "data-poll" in page
    assert '<progress max="' in page
    for elsewhere in (reverse("phone-numbers"), reverse("overview")):
        assert reverse("import", args=[batch.pk]) in get_html(as_admin.get(elsewhere))
    pipeline.advance(batch, now=now)
    assert "data-poll" not in get_page(as_admin, batch)
    assert "read and ready" in get_html(as_admin.get(reverse("phone-numbers")))
    as_admin.post(reverse("import-confirm", args=[batch.pk]))
    assert "0 of 1 so far." in get_page(as_admin, batch)
    pipeline.advance(batch, now=now)
    assert "This was done" in get_page(as_admin, batch)
    assert reverse("import", args=[batch.pk]) not in get_html(as_admin.get(reverse("phone-numbers")))


def test_second_confirmation_shows_the_result(as_admin, create_import):
    address = reverse("import-confirm", args=[create_import().pk])
    as_admin.post(address)
    again = get_html(as_admin.post(address, follow=True))
    assert "This was no longer waiting to be confirmed: done." in again
    assert "This was done" in again
    assert PhoneNumber.objects.count() == 1


def test_unconfirmed_import_can_be_cancelled(as_admin, create_import):
    batch = create_import()
    page = get_html(as_admin.post(reverse("import-cancel", args=[batch.pk]), follow=True))
    assert "was cancelled. No number was changed." in page
    assert "It was cancelled." in get_page(as_admin, batch)
    page = get_html(as_admin.post(reverse("import-confirm", args=[batch.pk]), follow=True))
    assert "no longer waiting to be confirmed: cancelled" in page
    assert not PhoneNumber.objects.exists()


def test_cancelling_a_confirmed_import_shows_a_message(as_admin, create_import):
    batch = create_import()
    as_admin.post(reverse("import-confirm", args=[batch.pk]))
    page = get_html(as_admin.post(reverse("import-cancel", args=[batch.pk]), follow=True))
    assert "It cannot be cancelled any more: done." in page


@pytest.mark.usefixtures("background_only")
def test_import_can_be_stopped_while_it_is_applied_and_shows_its_progress(as_admin, create_import, now):
    batch = create_import()
    pipeline.advance(batch, now=now)
    as_admin.post(reverse("import-confirm", args=[batch.pk]))
    assert reverse("import-stop", args=[batch.pk]) in get_page(as_admin, batch)
    page = get_html(as_admin.post(reverse("import-stop", args=[batch.pk]), follow=True))
    assert "It was stopped after 0 of 1 number" in page
    assert "goes on from what is there" in page
    again = get_html(as_admin.post(reverse("import-stop", args=[batch.pk]), follow=True))
    assert "There is nothing to stop any more: stopped." in again


def test_page_of_an_import_that_changes_nothing_says_so(as_admin, create_import, account):
    PhoneNumberFactory(account=account, e164="+12062550143", label="Seattle")
    page = get_page(as_admin, create_import())
    assert "Nothing to do" in page
    assert "The numbers are already as the file says." in page
    assert reverse("import-confirm", args=[NumberImport.objects.get().pk]) not in page


def test_every_refused_line_can_be_downloaded_with_its_number_and_reason(as_admin, create_import):
    batch = create_import("number\n" + "2062550143\n" * 30 + "=HYPERLINK(0)\n")
    page = get_page(as_admin, batch)
    assert "30 lines, the first 20 shown" in page
    answer = as_admin.get(reverse("import-refused", args=[batch.pk]))
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "line,number,reason"
    assert lines[1] == '3,2062550143,"The same number as in line 2, which counts."'
    assert len(lines) == 31
    assert lines[-1].startswith("32,'=HYPERLINK(0),This has letters in it.")
    assert answer["Content-Disposition"] == f'attachment; filename="refused-lines-of-import-{batch.pk}.csv"'


def test_page_of_an_expired_import_says_that_nothing_was_changed(as_admin, create_import, now):
    batch = create_import()
    while cleanup.clean_up(now=now + cleanup.get_retention()):
        pass
    page = get_page(as_admin, batch)
    assert "Nobody confirmed it in time." in page
    assert "No number was changed." in page


@pytest.mark.usefixtures("background_only")
def test_page_of_a_failed_import_shows_the_reason(as_admin, create_import, now):
    batch = create_import()
    pipeline.fail(batch, "The disk is full.", now=now)
    page = get_page(as_admin, batch)
    assert "The file could not be read. No number was changed." in page
    assert "The disk is full." in page


class TestImportList:
    def test_empty_list_links_to_the_form(self, as_admin):
        page = get_html(as_admin.get(LIST_URL))
        assert "No imports yet" in page
        assert "Import a file" in page

    def test_shows_only_imports_of_the_account(self, as_viewer, create_import):
        batch = create_import()
        theirs = create_import(of=AccountFactory())
        page = get_html(as_viewer.get(LIST_URL))
        assert reverse("import", args=[batch.pk]) in page
        assert "1 new" in page
        assert "Ready to confirm" in page
        assert reverse("import", args=[theirs.pk]) not in page

    def test_older_imports_are_on_the_next_page(self, as_admin, create_import, settings):
        settings.MAX_UNCONFIRMED_IMPORTS = 100
        batches = [create_import("number\nbroken 2\n2062550143\n") for _ in range(26)]
        first = get_html(as_admin.get(LIST_URL))
        assert reverse("import", args=[batches[0].pk]) not in first
        assert f"?before={batches[1].pk}" in first
        older = get_html(as_admin.get(LIST_URL, {"before": batches[1].pk}))
        assert reverse("import", args=[batches[0].pk]) in older

    def test_query_count_does_not_grow_with_the_imports(self, as_admin, create_import):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                as_admin.get(LIST_URL)
            return len(captured)

        create_import()
        with_1 = queries()
        for _ in range(9):
            create_import()
        assert queries() == with_1


def test_query_count_of_the_preview_is_the_same_for_5_and_500_rows(as_admin, create_import, account):
    def queries(count: int) -> int:
        lines = [f"+1206{2_000_000 + n},New\n" for n in range(count)]
        batch = create_import("number,label\n" + "".join(lines) + "broken,\n" * count)
        with CaptureQueriesContext(connection) as captured:
            get_page(as_admin, batch)
        return len(captured)

    PhoneNumberFactory(account=account, e164="+12062000001", label="Old")
    PhoneNumberFactory(account=account, e164="+12062000002", label="New")
    assert queries(5) == queries(500)


def test_a_viewer_sees_an_import_and_cannot_confirm_it(as_viewer, create_import):
    batch = create_import()
    page = get_page(as_viewer, batch)
    assert "An owner or admin of the account can confirm it." in page
    assert reverse("import-confirm", args=[batch.pk]) not in page
    for name in ("import-confirm", "import-cancel"):
        assert as_viewer.post(reverse(name, args=[batch.pk])).status_code == 403
    assert post_file(as_viewer, b"number\n2062550143\n").status_code == 403
    assert NumberImport.objects.get().state == State.READY


@pytest.mark.parametrize(
    "name", ["import", "import-refused", "import-columns", "import-confirm", "import-cancel", "import-stop"]
)
def test_another_accounts_import_is_not_found(client_for, create_import, name):
    batch = create_import()
    stranger = client_for(MemberFactory())
    address = reverse(name, args=[batch.pk])
    answer = stranger.get(address) if name in ("import", "import-refused") else stranger.post(address)
    assert answer.status_code == 404
    batch.refresh_from_db()
    assert batch.state == State.READY


@pytest.mark.parametrize("name", ["import-columns", "import-confirm", "import-cancel", "import-stop"])
def test_actions_need_a_post_request(as_admin, create_import, name):
    assert as_admin.get(reverse(name, args=[create_import().pk])).status_code == 405
