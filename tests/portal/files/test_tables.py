"""Tables in text files: delimiters, title rows, headings, stray quotation marks and long lines."""

import io

import pytest

from portal.files.records import UnreadableFile
from portal.files.tables import TableRules, open_table

HEADINGS = {"number", "label", "status"}
RULES = TableRules(
    rate_headings=lambda cells: sum(cell.lower() in HEADINGS for cell in cells),
    is_entry=lambda cell: cell.isdigit() and len(cell) == 10,
)


def read(content: str | bytes) -> tuple[list[str], list[list[str]]]:
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    with open_table(file, RULES) as (table, rows):
        return table.headings, [row.cells for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter):
    text = "number,label\n2065550143,Seattle\n".replace(",", delimiter)
    assert read(text) == (["number", "label"], [["2065550143", "Seattle"]])


def test_a_delimiter_without_headings_is_the_one_that_makes_numbers():
    assert read("2065550143|Seattle, main\n2065550144|Tacoma, main\n") == (
        [],
        [["2065550143", "Seattle, main"], ["2065550144", "Tacoma, main"]],
    )


def test_title_rows_above_the_headings_are_no_rows():
    text = "Active numbers report,,\nGenerated 11/26/2026,,\n,,\nNumber,Label,Status\n2065550143,Main,Active\n"
    assert read(text) == (["Number", "Label", "Status"], [["2065550143", "Main", "Active"]])


def test_headings_nobody_knows_are_those_above_the_numbers():
    assert read("Línea;Sitio\n2065550143;Norte\n") == (["Línea", "Sitio"], [["2065550143", "Norte"]])


def test_a_number_with_a_digit_too_few_is_no_heading():
    assert read("206555014,a\n2065550143,b\n") == ([], [["206555014", "a"], ["2065550143", "b"]])


def test_a_stray_quotation_mark_costs_one_row_even_if_a_later_row_has_quotation_marks():
    content = b'number,label\n2065550143,a\n2065550144,"open\n2065550145,b\n2065550146,"c, d"\n2065550147,e\n'
    with open_table(io.BytesIO(content), RULES) as (_, rows):
        records = list(rows)
    assert [record.first_line for record in records if record.problem] == [3]
    assert [record.cells[0] for record in records if not record.problem] == [
        "2065550143", "2065550145", "2065550146", "2065550147"]  # fmt: skip


def test_a_bad_byte_names_its_column():
    content = "number,label\n2065550143,Señal\n2065550144,".encode() + b"\xe2\x80\n"
    with open_table(io.BytesIO(content), RULES) as (_, rows):
        assert [record.harmed_columns for record in rows] == [[], [1]]


def test_five_hundred_columns():
    width = 500
    text = ",".join(["number", *(f"option {n}" for n in range(1, width))]) + "\n"
    text += ",".join(["2065550143", *(["a longer text than that"] * (width - 1))]) + "\n"
    headings, rows = read(text)
    assert len(headings) == len(rows[0]) == width


def test_a_file_of_empty_lines_is_refused():
    with pytest.raises(UnreadableFile, match="nothing in this file but empty lines"):
        read("\n" * 100_000)
