"""Lists of numbers and grades are read from pasted text, CSV files and workbooks. Bad lines are named."""

import io

import pytest

from portal.files.records import UnreadableFile
from reputation.engine_lists import reading
from reputation.engine_lists.grades import get_verdict
from reputation.providers.protocol import Verdict
from tests.support.workbooks import make_workbook


def read(text: str) -> dict[str, str]:
    return {row.e164: row.grade for row in reading.read_text(text).rows.values()}


@pytest.mark.parametrize(
    "text",
    [
        "Phone Number,Grade\n2062000143,Flagged\n(206) 200-0144,Unflagged\n",
        "Name;Phone Number;Reputation grade\nMain;+12062000143;Flagged\nSide;206-200-0144;Unflagged",
        "2062000143\tFlagged\n2062000144\tUnflagged",
        "Hiya Connect\nNumbers of Cascade\n\nNumber|Status|Rating\n2062000143|ok|Flagged\n2062000144|ok|Unflagged",
    ],
)
def test_columns_are_found_by_headings_or_content(text):
    assert read(text) == {"+12062000143": "Flagged", "+12062000144": "Unflagged"}


def test_list_without_grades_has_none():
    assert read("2062000143\n2062000144") == {"+12062000143": "", "+12062000144": ""}


def test_workbook_is_read():
    book = make_workbook({"Numbers": [["Number", "Grade"], ["2062000143", "Flagged"]]})
    assert {row.e164: row.grade for row in reading.read_list(io.BytesIO(book)).rows.values()} == {
        "+12062000143": "Flagged"
    }


def test_bad_lines_are_named_and_others_are_read():
    content = reading.read_text("Number,Grade\n2062000143,Flagged\n206200,Flagged\n,Flagged\nTotal,2\n")
    assert list(content.rows) == ["+12062000143"]
    assert [line for line, _reason in content.problems] == [3, 4, 5]
    assert content.problems[1][1] == "There is no number in this line."


def test_last_line_about_a_number_counts():
    assert read("Number,Grade\n2062000143,Flagged\n2062000143,Unflagged") == {"+12062000143": "Unflagged"}


@pytest.mark.parametrize("text", ["", " \n ", "Dear customer\nhello", "Number,Grade\nnone,Flagged"])
def test_text_without_numbers_is_refused(text):
    with pytest.raises(UnreadableFile, match="Nothing was changed"):
        reading.read_text(text)


def test_list_with_too_many_numbers_is_refused(monkeypatch):
    monkeypatch.setattr(reading, "MAX_NUMBERS", 1)
    with pytest.raises(UnreadableFile, match="more than 1 numbers"):
        reading.read_text("2062000143\n2062000144")


@pytest.mark.parametrize(
    ("grade", "verdict"),
    [
        ("Flagged", Verdict.LABELLED),
        ("mixed_high", Verdict.WARNING),
        ("Mixed low", Verdict.WARNING),
        ("UNFLAGGED", Verdict.CLEAN),
        ("A", Verdict.UNKNOWN),
        ("good", Verdict.UNKNOWN),
        ("not flagged", Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN),
    ],
)
def test_grade_that_is_not_known_says_nothing(grade, verdict):
    assert get_verdict(grade) is verdict
