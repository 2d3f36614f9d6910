"""Files as people have them: separators, encodings, headings, quotation marks, and files that are none."""

import csv
import gzip
import io
import random

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.audit import Context
from portal.files.encodings import convert_to_utf8, guess_encoding
from portal.files.records import UnreadableFile, read_records
from portal.files.tables import find_table
from reputation.imports import pipeline, preview
from reputation.imports.columns import TABLE_RULES
from reputation.models import NumberImport, PhoneNumber
from tests.factories import CampaignFactory

pytestmark = pytest.mark.django_db

ROWS = (
    ("(206) 255-0143", "Seattle, main", "native", "Spring"),
    ("4252550144", "Bellevue; «Süd»", "BYOC", ""),
)
STAGED_ROWS = [("+12062550143", "Seattle, main", "native", "Spring"), ("+14252550144", "Bellevue; «Süd»", "byoc", None)]


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def create_import(account, actor, now):
    def receive_file(content: str | bytes, name: str = "numbers.csv") -> NumberImport:
        content = content.encode() if isinstance(content, str) else content
        batch = pipeline.receive(account=account, upload=SimpleUploadedFile(name, content), context=Context(actor, now))
        pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        return batch

    return receive_file


def staged_rows(batch: NumberImport) -> list[tuple]:
    rows = batch.rows.exclude(outcome="refused").order_by("line")
    return list(rows.values_list("e164", "label", "source", "campaign__name"))


def refused_lines(batch: NumberImport) -> list[tuple[int, str]]:
    return list(batch.rows.filter(outcome="refused").order_by("line").values_list("line", "reason"))


def csv_text(delimiter: str = ",", end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([("number", "label", "source", "campaign"), *ROWS])
    return text.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_encodings_and_line_ends_are_detected(create_import, account, encoding, delimiter, end):
    CampaignFactory(account=account, name="Spring")
    assert staged_rows(create_import(csv_text(delimiter, end).encode(encoding))) == STAGED_ROWS


def test_quoted_cells_are_read(create_import, account):
    CampaignFactory(account=account, name="Spring")
    assert staged_rows(create_import(csv_text(quoting=csv.QUOTE_ALL))) == STAGED_ROWS


def test_separator_line_of_excel_is_read(create_import, account):
    CampaignFactory(account=account, name="Spring")
    assert staged_rows(create_import("sep=;\r\n" + csv_text(";"))) == STAGED_ROWS


@pytest.mark.parametrize(
    "heading",
    ["number", "Number", "PHONE", "Phone Number", "phone_number", "Phone #", "TN", "did", "DID Number", "Telephone",
     "Caller ID", "CallerID", "E164", "E.164", " e164 "],
)  # fmt: skip
def test_synonyms_of_the_number_heading_are_recognized(create_import, heading):
    assert staged_rows(create_import(f"label,{heading}\na,2062550143\n")) == [("+12062550143", "a", "native", None)]


@pytest.mark.parametrize("heading", ["Label", "Name", "Description", "Friendly Name"])
def test_synonyms_of_the_label_heading_are_recognized(create_import, heading):
    assert staged_rows(create_import(f"{heading};Phone\na;2062550143\n"))[0][1] == "a"


@pytest.mark.parametrize(
    ("heading", "cell", "source"),
    [
        ("Source", "BYOC", "byoc"),
        ("type", "Bring your own carrier", "byoc"),
        ("Number type", "carrier", "byoc"),
        ("source", "Native", "native"),
        ("source", "", "native"),
    ],
)
def test_synonyms_of_the_source_and_its_values_are_recognized(create_import, heading, cell, source):
    assert staged_rows(create_import(f"phone,{heading}\n2062550143,{cell}\n"))[0][2] == source


def test_columns_are_read_in_any_order_and_unknown_ones_are_ignored(create_import, account):
    CampaignFactory(account=account, name="Spring")
    batch = create_import("Notes,Campaign,Label,Area,Did\nx,spring,a,206,2062550143\n")
    assert staged_rows(batch) == [("+12062550143", "a", "native", "Spring")]
    assert [(column.heading, column.role) for column in preview.get_columns(batch)] == [
        ("Notes", "ignore"),
        ("Campaign", "campaign"),
        ("Label", "label"),
        ("Area", "ignore"),
        ("Did", "number"),
    ]


@pytest.mark.parametrize(
    "content",
    ["2062550143\n(425) 255-0144\n", "+12062550143\r\n\r\n+14252550144", "2062550143;\n425 255 0144;\n"],
)
def test_single_column_without_a_heading_is_read(create_import, content):
    batch = create_import(content)
    assert [row[0] for row in staged_rows(batch)] == ["+12062550143", "+14252550144"]
    assert batch.refused == 0


def test_words_above_a_column_of_numbers_are_its_heading(create_import):
    batch = create_import("Our lines\n2062550143\n")
    assert [row[0] for row in staged_rows(batch)] == ["+12062550143"]
    assert batch.headings == ["Our lines"]
    assert not refused_lines(batch)


def test_line_numbers_are_those_of_the_file(create_import):
    batch = create_import('\nnumber,label\n\n2062550143,"two\nlines"\nbroken,\n')
    assert staged_rows(batch) == [("+12062550143", "two lines", "native", None)]
    assert [line for line, _ in refused_lines(batch)] == [6]


@pytest.mark.parametrize(
    "number",
    [
        "2062550143",
        "(206) 255-0143",
        "206.255.0143",
        "1-206-255-0143",
        "+1 206 255 0143",
        "'+12062550143",
        "\u202d206 255 0143\u202c",
        "２０６２５５０１４３",
        "\u00a0206\u00a0255\u00a00143 ",
    ],
)
def test_number_is_read_in_any_format(create_import, number):
    assert staged_rows(create_import(f"number\n{number}\n"))[0][0] == "+12062550143"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1-800-FLOWERS,", "This has letters in it."),
        ("206 255 0143 x12,", "This has an extension"),
        ("206 255 0143;222,", "This has an extension"),
        ("2.06255E+09,", "A spreadsheet shortened this number"),
        ("900 555 1234,", "This is a premium-rate number."),
        ("500 555 1234,", "This is a personal number"),
        ("0000000000,", "This has a 0 where a country code begins"),
        ("206 255 014,", "Digits are missing"),
        (",Seattle", "There is no number."),
        ("2062550143,Seattle,too,many", "This line has 4 cells, the file has 2 columns."),
        (f"2062550143,{'x' * 81}", "The label has 81 characters."),
        ('2062550143,"Seattle', "A quotation mark is opened here and not closed."),
        ("2062550143," + "x" * 200_000, "This line is longer than 100,000 characters."),
    ],
)
def test_unreadable_line_is_refused_with_its_reason_and_the_next_line_is_read(create_import, line, reason):
    batch = create_import(f"number,label\n{line}\n4252550144,Bellevue\n")
    assert [row[0] for row in staged_rows(batch)] == ["+14252550144"]
    assert [number for number, _ in refused_lines(batch)] == [2]
    assert refused_lines(batch)[0][1].startswith(reason)


def test_unknown_source_and_campaign_are_refused_by_name(create_import, account):
    CampaignFactory(name="Spring")  # of another account
    CampaignFactory(account=account, name="Summer")
    rows = "2062550143,twilio,\n4252550144,,Spring\n5032550145,byoc,Summer\n"
    batch = create_import("number,source,campaign\n" + rows)
    assert refused_lines(batch) == [
        (2, "The source is “twilio”. It can be native or BYOC."),
        (3, "There is no campaign “Spring”. Add it first, or leave the cell empty."),
    ]


def test_repeated_number_is_refused_with_the_line_of_the_first(create_import):
    batch = create_import("number\n2062550143\n4252550144\n+1 206 255 0143\n(206) 255-0143\n")
    assert [row[0] for row in staged_rows(batch)] == ["+12062550143", "+14252550144"]
    reason = "The same number as in line 2, which counts."
    assert refused_lines(batch) == [(4, reason), (5, reason)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf", "nothing in this file but empty lines"),
        (b"\r\n \r\n,,,\r\n", "nothing in this file but empty lines"),
        (b"number,label\r\n", "headings, but no line below them"),
        (b"number,label\r\n,\r\n\r\n", "headings, but no line below them"),
        (b"\xd0\xcf\x11\xe0rest of it", "This is an old Excel workbook, or one with a password, not CSV."),
        (b"%PDF-1.7", "This is a PDF file"),
        (gzip.compress(b"number\n2062550143\n", mtime=0), "This is a compressed file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "This is a picture"),
        (b"number\n\x00\x01\x02", "This is not a text file."),
        (b"\xff\xfen\x00u\x00\x00\xd8", "There is no column of phone numbers."),
        (b"\x93\x8d\x01\x02 number \xff\xfe", "This is not a text file."),
        (
            b"First,Last\r\nDana,Whitfield\r\n",
            "no column of phone numbers. The first line has “First”, “Last”.",
        ),
        (b"garbage\r\nmore garbage\r\n", "There is no column of phone numbers. The first line has “garbage”."),
    ],
)
def test_unreadable_file_is_refused_with_the_reason_and_not_stored(create_import, tmp_path, content, reason):
    with pytest.raises(UnreadableFile) as error:
        create_import(content)
    assert reason in str(error.value)
    assert not NumberImport.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_numbers_outside_the_united_states_are_accepted_and_counted(create_import):
    batch = create_import("number\n2062550143\n7872550143\n4162550144\n8762550109\n+442079460958\n")
    assert (batch.will_add, batch.non_us, batch.refused) == (5, 3, 0)


def test_file_name_is_shortened_to_one_line(create_import):
    assert create_import("number\n2062550143\n", name="a\tb" + "x" * 200 + ".csv").file_name.startswith("a b")


CELLS = ["", " ", "a", '"', "'", ",", ";", "\t", "\n", "é", "=1+1", "+1", "206 255 0143", "x" * 30, '""', "\u2028"]


@pytest.mark.parametrize("seed", range(30))
def test_output_of_the_csv_module_is_read_unchanged(seed):
    chance = random.Random(seed)
    delimiter = chance.choice(",;\t")
    rows = [
        ["".join(chance.choices(CELLS, k=chance.randint(0, 4))) for _ in range(chance.randint(1, 5))] for _ in range(40)
    ]
    text = io.StringIO(newline="")
    quoting = chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=quoting).writerows(rows)
    kept = [[cell.strip(" \t\n\r\f\x1a\xa0\ufeff") for cell in row] for row in rows]
    found = list(read_records(io.BytesIO(text.getvalue().encode()), delimiter))
    assert [record.cells for record in found] == [row for row in kept if any(row)]
    assert not any(record.problem for record in found)


CSV_FRAGMENTS = ["number", "phone,label", "2062550143", "4252550144", "+44 20 7946 0958", "abc", '"', '"\n"', ",", ";",
          "\t", "\n", "\r\n", "\r", "", "é", "\ufeff", "=cmd()", "x" * 11_000, "number\n", ",,,\n", "\x0b", "\x1a",
          "\u2028"]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_every_record_of_a_random_file_is_counted_once_or_the_file_is_refused(create_import, seed):
    chance = random.Random(seed)
    text = chance.choice(["", "number\n", "label;number\n"]) + "".join(
        chance.choices(CSV_FRAGMENTS, k=chance.randint(1, 60))
    )
    content = text.encode(chance.choice(["utf-8", "utf-8-sig", "utf-16"]))
    try:
        batch = create_import(content)
    except UnreadableFile:
        return
    assert batch.state in (NumberImport.State.READY, NumberImport.State.DONE)
    counted = batch.will_add + batch.will_change + batch.will_restore + batch.unchanged + batch.refused
    assert batch.rows.count() == counted > 0
    plain, source = io.BytesIO(), io.BytesIO(content)
    convert_to_utf8(source, plain, guess_encoding(source))
    found = list(find_table(plain, TABLE_RULES).read(plain))
    lines = batch.rows.order_by("line").values_list("line", flat=True).distinct()
    assert list(lines) == [record.first_line for record in found]
    assert batch.rows.filter(outcome="refused", reason="").count() == 0
    assert not PhoneNumber.objects.exists()
