"""Choosing the columns, the encoding and the sheet on the page of an import."""

import pytest
from django.urls import reverse

from reputation.models import NumberImport, PhoneNumber
from tests.reputation.views.import_pages import get_page, post_file
from tests.support.pages import get_html

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


class TestChoosingColumns:
    """*How the file is read*: a choice above each column, the encoding and the sheet."""

    CONTENT = "Main,Fax,Type\n2065550143,2065550153,local\n2065550144,2065550154,toll-free\n"

    def choose(self, client, batch: NumberImport, *roles: str, **other: str):
        columns = {f"column-{position}": role for position, role in enumerate(roles, start=1)}
        return client.post(reverse("import-columns", args=[batch.pk]), columns | other, follow=True)

    def test_the_preview_shows_rows_with_a_choice_above_each_column_and_the_ignored_ones(self, as_admin, create_import):
        page = get_page(as_admin, create_import(self.CONTENT))
        for expected in (
            '<label for="column-1">Main</label>',
            '<select name="column-1"',
            "<td>2065550154</td>",
            "2 columns ignored",
            "<strong>Type</strong>: Ignored: “local”, “toll-free” are neither native nor BYOC.",
            "Also holds phone numbers. Only one column is read.",
            "Encoding (guessed)",
        ):
            assert expected in page

    def test_another_choice_needs_no_second_upload(self, as_admin, create_import):
        batch = create_import(self.CONTENT)
        page = get_html(self.choose(as_admin, batch, "ignore", "number", "label", encoding="utf-8"))
        assert "(206) 555-0153" in page
        assert "The columns are read as chosen." in page
        assert "1 column ignored" in page

    def test_a_wrong_choice_says_so_and_keeps_what_was_chosen(self, as_admin, create_import):
        batch = create_import(self.CONTENT)
        answer = self.choose(as_admin, batch, "number", "number", "label")
        page = get_html(answer)
        assert answer.status_code == 422
        assert "Columns 1 and 2 are both chosen as number." in page
        assert page.count('<option value="number" selected>') == 2
        assert '<option value="label" selected>' in page

    def test_a_confirmed_import_says_that_it_can_no_longer_be_changed(self, as_admin, create_import):
        batch = create_import(self.CONTENT)
        as_admin.post(reverse("import-confirm", args=[batch.pk]))
        page = get_html(self.choose(as_admin, batch, "ignore", "number", "ignore"))
        assert "This can no longer be changed: done." in page

    def test_a_viewer_sees_how_the_file_is_read_and_cannot_change_it(self, as_viewer, create_import):
        batch = create_import(self.CONTENT)
        assert "<select" not in get_page(as_viewer, batch)
        assert self.choose(as_viewer, batch, "ignore", "number", "ignore").status_code == 403

    def test_five_hundred_columns(self, as_admin, create_import):
        headings = ["number", *(f"option {n}" for n in range(2, 501))]
        page = get_page(as_admin, create_import(",".join(headings) + "\n2065550143" + ",x" * 499 + "\n"))
        assert page.count("<select name=") == 501  # and the encoding
        assert "499 columns ignored" in page

    def test_ranges_and_bad_bytes_are_shown_before_anything_is_written(self, as_admin):
        page = get_html(post_file(as_admin, b"number,label\n206-555-0150 - 0159,\xc3\xa9\n2065550143,caf\xe9\n"))
        assert "10 numbers come from cells that stand for several." in page
        assert "Line 2, “206-555-0150 - 0159”: 10 numbers" in page
        assert "1 label cannot be read in full in this encoding." in page
        assert "Line 3: “caf�”" in page
        assert not PhoneNumber.objects.exists()

    def test_too_many_unconfirmed_imports_are_answered_at_the_field(self, as_admin, create_import, settings):
        settings.MAX_UNCONFIRMED_IMPORTS = 1
        create_import()
        page = get_html(post_file(as_admin, b"number\n2062550143\n"))
        assert "Your account has 1 unconfirmed import, and there can be no more." in page
        assert "Confirm or cancel one of them first." in page
