"""Reading an unconfirmed import again, with other columns, another encoding or another sheet."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from reputation.imports import pipeline, preview, reading
from reputation.imports.choices import Choice, choose
from reputation.imports.columns import WrongChoice
from reputation.models import NumberImport
from tests.factories import AccountFactory
from tests.reputation.imports.import_data import audit_events, confirm, stored_files, stored_numbers
from tests.support.workbooks import make_workbook

pytestmark = pytest.mark.django_db

State = NumberImport.State
TWO_NUMBERS = "Main,Fax,Note\n2065550143,2065550153,Seattle\n2065550144,2065550154,Bellevue\n"


@pytest.fixture
def upload(account, actor, now):
    def receive(content: bytes | str, *, of=account, **reading: object) -> NumberImport:
        file = SimpleUploadedFile("numbers", content.encode() if isinstance(content, str) else content)
        batch = pipeline.receive(account=of, upload=file, context=Context(actor, now), **reading)
        return work(batch, now)

    return receive


def work(batch: NumberImport, now) -> NumberImport:
    while pipeline.advance(batch, now=now):
        pass
    batch.refresh_from_db()
    return batch


def staged(batch: NumberImport) -> list[tuple[str, str]]:
    return list(batch.rows.exclude(outcome="refused").order_by("line", "part").values_list("e164", "label"))


def test_another_column_is_read_without_another_upload(upload, actor, now):
    batch = upload(TWO_NUMBERS)
    assert staged(batch) == [("+12065550143", ""), ("+12065550144", "")]
    assert choose(batch, Choice({"Fax": "number", "Note": "label"}), context=Context(actor, now))
    assert staged(batch) == [("+12065550153", "Seattle"), ("+12065550154", "Bellevue")]
    assert (batch.state, batch.will_add, batch.refused) == (State.READY, 2, 0)
    assert len(audit_events("import.chosen")) == 1


def test_choices_are_remembered_for_the_accounts_files_with_the_same_headings(upload, account, actor, now):
    batch = upload(TWO_NUMBERS)
    choose(batch, Choice({"Fax": "number", "Note": "label"}), context=Context(actor, now))
    confirm(batch, Context(actor, now))
    assert stored_numbers(account)["+12065550153"][0] == "Seattle"
    again = upload("MAIN,FAX,note\n2065550145,2065550155,Tacoma\n")
    assert (again.columns_origin, staged(again)) == ("remembered", [("+12065550155", "Tacoma")])
    assert upload(TWO_NUMBERS, of=AccountFactory()).columns_origin == "guessed"
    assert upload("Fax,Main,Note\n2065550146,2065550156,Kent\n").columns_origin == "guessed"


def test_the_encoding_can_be_chosen(upload, actor, now):
    batch = upload("number,label\n2065550143,Señal\n".encode("cp1252"))
    assert (batch.encoding, staged(batch)) == ("cp1252", [("+12065550143", "Señal")])
    choose(batch, Choice(encoding="cp1251"), context=Context(actor, now))
    assert (batch.encoding, staged(batch)) == ("cp1251", [("+12065550143", "Seсal")])


def test_an_encoding_that_does_not_fit_says_so_and_can_be_changed_back(upload, actor, now):
    batch = upload("number,label\n2065550143,Seattle\n")
    choose(batch, Choice(encoding="utf-16-le"), context=Context(actor, now))
    assert (batch.state, batch.total_count) == (State.READY, 0)
    assert "There is no column of phone numbers" in batch.reason
    choose(batch, Choice(encoding="utf-8"), context=Context(actor, now))
    assert (batch.reason, staged(batch)) == ("", [("+12065550143", "Seattle")])


class TestWorkbooks:
    ROWS = (
        ["DIDs of November"],
        [],
        ["Number", "Type"],
        [2065550143, "local"],
        [2065550144, "toll-free"],
        ["Total: 2"],
    )

    def test_it_is_read_by_a_worker_never_by_the_request(self, account, actor, now):
        file = SimpleUploadedFile("dids.xlsx", make_workbook({"DIDs": self.ROWS}))
        batch = pipeline.receive(account=account, upload=file, context=Context(actor, now))
        assert (batch.state, batch.headings) == (State.RECEIVED, [])
        assert staged(work(batch, now)) == [("+12065550143", ""), ("+12065550144", "")]
        assert list(batch.rows.filter(outcome="refused").values_list("line", flat=True)) == [6]

    def test_the_first_sheet_with_numbers_is_read_and_another_can_be_chosen(self, upload, actor, now):
        sheets = {"Notes": [["nothing here"]], "West": self.ROWS, "East": [["TN"], [2125550143]]}
        batch = upload(make_workbook(sheets))
        assert (batch.sheet, batch.sheets, batch.will_add) == ("West", ["Notes", "West", "East"], 2)
        choose(batch, Choice(sheet="East"), context=Context(actor, now))
        assert staged(work(batch, now)) == [("+12125550143", "")]
        choose(batch, Choice(sheet="Notes"), context=Context(actor, now))
        work(batch, now)
        assert (batch.state, batch.total_count) == (State.READY, 0)
        assert "There is no column of phone numbers" in batch.reason
        choose(batch, Choice(sheet="West"), context=Context(actor, now))
        assert work(batch, now).will_add == 2

    def test_a_workbook_without_numbers_fails_with_the_reason(self, upload):
        batch = upload(make_workbook({"Notes": [["nothing here"]]}))
        assert batch.state == State.FAILED
        assert batch.reason == "There is no column of phone numbers in the sheet “Notes”. Nothing was imported."

    def test_a_damaged_one_fails_with_the_reason(self, upload):
        assert "This Excel workbook is damaged" in upload(b"PK\x03\x04rest of it").reason


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice({"Note": "label"}), "No column is chosen as number."),
        (Choice(encoding="klingon"), "encoding"),
        (Choice(sheet="East"), "This file has no sheet “East”."),
    ],
)
def test_a_wrong_choice_changes_nothing(upload, actor, now, choice, message):
    batch = upload(TWO_NUMBERS)
    before = staged(batch)
    with pytest.raises(WrongChoice, match=message):
        choose(batch, choice, context=Context(actor, now))
    batch.refresh_from_db()
    assert (batch.state, staged(batch)) == (State.READY, before)


def test_a_confirmed_import_cannot_be_read_otherwise(upload, actor, now):
    batch = upload(TWO_NUMBERS)
    confirm(batch, Context(actor, now))
    assert not choose(batch, Choice({"Fax": "number"}), context=Context(actor, now))
    assert batch.state == State.DONE


@pytest.mark.usefixtures("background_only")
def test_a_large_file_is_read_again_by_the_workers_with_as_many_queries(upload, actor, now):
    def queries(count: int) -> int:
        lines = "".join(f"{2062550000 + n},{4252550000 + n}\n" for n in range(count))
        batch = upload("Main,Fax\n" + lines)
        choose(batch, Choice({"Fax": "number"}), context=Context(actor, now))
        assert batch.state == State.RECEIVED
        with CaptureQueriesContext(connection) as captured:
            work(batch, now)
        assert (batch.will_add, batch.rows.count()) == (count, count)
        return len(captured)

    assert queries(2) == queries(9)


def test_no_file_is_left_behind(upload, actor, now, media_root):
    batch = upload(TWO_NUMBERS)
    choose(batch, Choice(encoding="cp1252"), context=Context(actor, now))
    assert len(stored_files(media_root)) == 2  # the upload, and the table
    pipeline.cancel(batch, context=Context(actor, now))
    assert not stored_files(media_root)


def test_ranges_are_shown_as_their_numbers_before_anything_is_written(upload, account):
    batch = upload("number,label\n206-555-0150 - 0152,Hunt group\n425-555-0100 / 425-555-0101,Two\n")
    assert [e164 for e164, _ in staged(batch)] == [
        "+12065550150", "+12065550151", "+12065550152", "+14255550100", "+14255550101"]  # fmt: skip
    assert batch.from_ranges == batch.will_add == 5
    assert [(row.raw_text, count) for row, count in preview.get_ranges(batch)] == [
        ("206-555-0150 - 0152", 3),
        ("425-555-0100 / 425-555-0101", 2),
    ]
    assert not stored_numbers(account)


def test_the_ranges_of_a_file_are_limited(upload, monkeypatch):
    monkeypatch.setattr(reading, "MAX_FROM_RANGES", 4)
    batch = upload("number\n206-555-0150 - 0152\n206-555-0160 - 0162\n2065550170\n")
    assert [e164[-4:] for e164, _ in staged(batch)] == ["0150", "0151", "0152", "0170"]
    assert "stand for more than 4 numbers" in batch.rows.get(outcome="refused").reason


def test_one_bad_byte_harms_one_label_which_is_reported(upload):
    batch = upload("number,label\n2065550143,Señal\n2065550144,".encode() + b"caf\xe9\n2065550145,plain\n")
    assert [label for _, label in staged(batch)] == ["Señal", "caf�", "plain"]
    assert (batch.harmed, [row.line for row in preview.get_lines_with_notes(batch)]) == (1, [3])


def test_a_bad_byte_in_a_number_refuses_that_line(upload):
    batch = upload("number,label\n2065550143,Señal é\n".encode() + b"206555\xff0144,a\n2065550145,plain\n")
    assert len(staged(batch)) == 2
    assert "The number has a character that the encoding of the file does not have" in batch.rows.get(line=3).reason


def test_unconfirmed_imports_of_an_account_are_limited(upload, settings, actor, now, media_root):
    settings.MAX_UNCONFIRMED_IMPORTS = 2
    batches = [upload(TWO_NUMBERS) for _ in range(2)]
    kept = len(stored_files(media_root))
    with pytest.raises(pipeline.TooManyImports, match="Your account has 2 unconfirmed imports"):
        upload(TWO_NUMBERS)
    assert len(stored_files(media_root)) == kept
    upload(TWO_NUMBERS, of=AccountFactory())
    pipeline.cancel(batches[0], context=Context(actor, now))
    assert upload(TWO_NUMBERS).state == State.READY


def test_ten_megabytes_of_empty_lines_are_left_to_a_worker(account, actor, now):
    content = b"\n" * 10_000_000
    batch = pipeline.receive(
        account=account, upload=SimpleUploadedFile("empty.csv", content), context=Context(actor, now)
    )
    assert (batch.state, batch.table_file.name, batch.lines_read) == (State.RECEIVED, "", 0)
    assert work(batch, now).reason == "There is nothing in this file but empty lines. Nothing was imported."
