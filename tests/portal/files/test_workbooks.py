"""Excel workbooks: sheets as CSV, and files that unpack to too much or are none."""

import io
import zipfile
from datetime import date

import pytest

from portal.files import workbooks
from portal.files.records import UnreadableFile
from portal.files.workbooks import convert_sheet, list_sheets
from tests.support.workbooks import make_workbook

pytestmark = pytest.mark.no_database


def convert(content: bytes, sheet: str = "A") -> str:
    out = io.BytesIO()
    for _ in convert_sheet(io.BytesIO(content), out, sheet):
        pass
    return out.getvalue().decode()


def make_archive(parts: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def replace_part(content: bytes, name: str, text: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {part: archive.read(part).decode() for part in archive.namelist()}
    return make_archive(parts | {name: text})


def test_values_are_written_as_a_person_sees_them():
    rows = [
        ["number", "label"],
        [12065550143, "two\nlines"],
        [2065550144.0, None],
        [],
        ["02065550145", date(2026, 11, 27)],
    ]
    assert convert(make_workbook({"A": rows})).splitlines() == [
        "number,label",
        "12065550143,two lines",
        "2065550144",
        "",
        "02065550145,2026-11-27",
    ]


def test_line_numbers_are_row_numbers_and_empty_rows_at_the_end_do_not_count():
    content = make_workbook({"A": [["number"], *[[]] * 3, [2065550143]]})
    assert convert(content).count("\n") == 5


def test_the_sheets_are_listed():
    assert list_sheets(io.BytesIO(make_workbook({"Notes": [["x"]], "DIDs": [["y"]]}))) == ["Notes", "DIDs"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest of it", "damaged"),
        (make_archive({"numbers.csv": "number\n2065550143\n"}), "This is a ZIP file, not an Excel workbook."),
        (make_archive({"xl/workbook.xml": "<broken"}), "damaged"),
        (make_workbook({"A": [["x"]]})[:-40], "damaged"),
    ],
)
def test_what_is_no_workbook_is_refused(content, message):
    with pytest.raises(UnreadableFile, match=message):
        list_sheets(io.BytesIO(content))


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_read(monkeypatch):
    content = replace_part(make_workbook({"A": [["x"]]}), "xl/sharedStrings.xml", " " * 3_000_000)
    monkeypatch.setattr(workbooks, "MAX_PART_BYTES", 1_000_000)
    with pytest.raises(UnreadableFile, match="too large when it is unpacked"):
        list_sheets(io.BytesIO(content))


def test_entities_are_not_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet><sheetData>&b;</sheetData>'
    content = replace_part(make_workbook({"A": [["x"]]}), "xl/worksheets/sheet1.xml", bomb)
    with pytest.raises(UnreadableFile, match="damaged"):
        convert(content)


def test_a_row_or_column_far_away_costs_nothing():
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>2065550143</v></c><c r="XFD1"><v>1</v></c></row>'
        '<row r="99999999999"><c r="A99999999999"><v>1</v></c></row></sheetData></worksheet>'
    )
    assert convert(replace_part(make_workbook({"A": [["x"]]}), "xl/worksheets/sheet1.xml", sheet)) == "2065550143\n"
