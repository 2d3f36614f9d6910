"""No spreadsheet finds a formula in a CSV file of the portal, and an import reads the cells as they were."""

import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.files.csv_export import csv_lines, escape_formula, unescape_formula

FORMULAS = ["=1+1", "+1+1", "-1", "@SUM(A1)", "'=1", "''@x", "＝1+1", '=HYPERLINK("https://e.example")']
# A number in E.164 stays as it is.
STARTS_FORMULA = re.compile(r"(?!\+\d+\Z)[=+\-@＝＋－＠]")

# Texts of the characters that matter.
cells = st.text(st.sampled_from(["=", "-", "+", "@", "＝", "'", '"', " ", ";", ",", "\t", "\r", "\n", "1", "a"]))


def cells_in_excel(text: str, separator: str) -> list[str]:
    """The cells of a CSV file in Excel. A quotation mark counts only at the start of a cell."""
    return [cell for row in csv.reader(text.splitlines(keepends=True), delimiter=separator) for cell in row]


def formulas_in(text: str, separator: str) -> list[str]:
    cells = (cell.strip().strip('"').strip() for cell in cells_in_excel(text.removeprefix("\ufeff"), separator))
    return [cell for cell in cells if STARTS_FORMULA.match(cell)]


@pytest.mark.parametrize(
    "cell",
    [
        "a;=1+1",
        "a; =1+1",
        ";=1+1",
        'a;"=1+1;b',
        "a;\"=cmd|' /C calc'!A0\"",
        "a\n=1+1",
        "a\r\n=1+1;b",
        "a;'=1+1;@SUM(A1)",
        "a\t=1+1",
        "\t=1+1",
        "\r=1+1",
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_with_another_separator_finds_no_formula(cell, separator):
    text = "".join(csv_lines([("number", cell), ("x", cell, "y")]))
    assert formulas_in(text, separator) == []
    assert unescape_formula(escape_formula(cell)) == cell


@given(st.lists(st.lists(cells, min_size=1, max_size=3), min_size=1, max_size=3), st.sampled_from([",", ";", "\t"]))
def test_no_cells_make_a_formula(rows, separator):
    text = "".join(csv_lines([("x", *row) for row in rows]))
    assert formulas_in(text, separator) == []


@given(cells)
def test_every_cell_is_restored(cell):
    assert unescape_formula(escape_formula(cell)) == cell


@pytest.mark.parametrize("cell", FORMULAS)
def test_formula_is_escaped_and_restored_on_import(cell):
    assert escape_formula(cell) == f"'{cell}"
    assert unescape_formula(escape_formula(cell)) == cell


@pytest.mark.parametrize("cell", ["", "a", "a=1", "'", "'a", "5-1", "(206) 255-0143", "+12062550143"])
def test_other_cells_are_not_escaped(cell):
    assert unescape_formula(escape_formula(cell)) == escape_formula(cell) == cell
