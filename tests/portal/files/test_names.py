"""The ending of a file's name must fit its content."""

import pytest

from portal.files.names import check_table_name
from portal.files.records import UnreadableFile
from tests.support.workbooks import make_workbook

TEXT = b"number\n2065550143\n"
WORKBOOK = make_workbook({"DIDs": [["number"], ["2065550143"]]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("numbers.csv", TEXT),
        ("NUMBERS.TXT", TEXT),
        ("numbers.v2.tsv", TEXT),
        ("numbers.XLSX", WORKBOOK),
        ("numbers", TEXT),
        ("numbers", WORKBOOK),
        ("C:\\lists.old\\numbers", TEXT),
        (".csv", TEXT),
    ],
)
def test_fitting_name_is_taken(name, content):
    check_table_name(name, content)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("numbers.csv", WORKBOOK, "is an Excel workbook, but its name ends in .csv"),
        ("numbers.xlsx.txt", WORKBOOK, "is an Excel workbook, but its name ends in .txt"),
        ("numbers.xlsx", TEXT, "ends in .xlsx, but it is no Excel workbook"),
        ("numbers.csv.exe", TEXT, "does not end in .csv, .txt, .tsv or .xlsx"),
        ("numbers.html", TEXT, "does not end in .csv, .txt, .tsv or .xlsx"),
        ("numbers.zip", WORKBOOK, "does not end in .csv, .txt, .tsv or .xlsx"),
    ],
)
def test_name_that_says_something_else_is_refused(name, content, reason):
    with pytest.raises(UnreadableFile, match=reason):
        check_table_name(name, content)
