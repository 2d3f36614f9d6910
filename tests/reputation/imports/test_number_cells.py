"""Cells of the number column: ranges, several numbers, and reasons."""

import pytest

from portal.phone.numbers import InvalidPhoneNumber
from reputation.imports.number_cells import parse_cell


def read(text: str, country: str = "") -> list[str]:
    return [number.e164 for number in parse_cell(text, country=country)]


SEATTLE = [f"+1206555{line:04}" for line in range(150, 160)]


@pytest.mark.parametrize(
    "text",
    [
        "206-555-0150 - 0159",
        "206-555-0150-0159",
        "(206) 555-0150 – (206) 555-0159",
        "2065550150-2065550159",
        "+12065550150 to +12065550159",
        "206 555 0150 thru 0159",
        "206.555.0150 .. 59",
        "206-555-0150 a 0159",
    ],
)
def test_a_range_stands_for_its_numbers(text):
    assert read(text) == SEATTLE


@pytest.mark.parametrize("separator", [", ", ";", " / ", "|", " & ", "\n", " and ", " y ", "  "])
def test_several_numbers_in_one_cell(separator):
    assert read(f"(206) 555-0143{separator}425 555 0144") == ["+12065550143", "+14255550144"]


def test_a_list_may_hold_ranges_and_a_number_twice_counts_once():
    assert read("206-555-0150 - 0152; 206-555-0152; 425-555-0100") == [*SEATTLE[:3], "+14255550100"]


@pytest.mark.parametrize("text", ['="2065550143"', "=2065550143", "'2065550143", "’+12065550143", "2065550143-"])
def test_what_spreadsheets_put_around_numbers_does_not_matter(text):
    assert read(text) == ["+12065550143"]


def test_the_country_of_another_column():
    assert read("20 7946 0143", "GB") == ["+442079460143"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("206-555-0159 - 0150", "This range ends before it begins."),
        ("206-555-0000 - 206-556-0000", "This cell stands for 10,001 numbers. It may stand for 1,000."),
        ("206-555-0143, 425-555-0144, 12", "This cell holds several numbers, and “12” is none."),
        ("206-555-0143-22", ""),
        ("206-555-0143 x22", "This has"),
        ("Total: 2", "This is a line with totals, not a phone number."),
        ("End of report", "This is text, not a phone number."),
        ("", "There is no number."),
        ("1.20656E+10", "A spreadsheet shortened this number"),
    ],
)
def test_reasons(text, reason):
    with pytest.raises(InvalidPhoneNumber) as error:
        read(text)
    assert str(error.value).startswith(reason)
