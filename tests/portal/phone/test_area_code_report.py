"""Reports of area codes: the shipped layout and NANPA's own, and files that are obviously wrong."""

from datetime import date

import pytest

from portal.phone.area_code_report import InvalidReport, read_report
from portal.phone.current_plan import get_shipped_plan
from tests.support.area_codes import REPORT, read_shipped_rows, write_nanpa_report

NAME = "area-codes-2026-03-01.csv"


def test_the_report_as_nanpa_publishes_it_gives_the_same_codes():
    plan = read_report(write_nanpa_report(read_shipped_rows(), file_date="03/01/2026"))
    assert plan.report_date == date(2026, 3, 1)
    assert plan.area_codes == get_shipped_plan().area_codes


def test_columns_are_found_by_their_headings_in_any_order():
    lines = REPORT.read_text(encoding="utf-8").splitlines()
    swapped = "\n".join(",".join(["", *line.split(",")[6::-1]]) for line in lines)
    assert read_report(swapped, file_name=NAME).area_codes == get_shipped_plan().area_codes


@pytest.mark.parametrize("written", ["30-Jan-2026", "01/30/2026", "1/30/2026", "2026-01-30", "01/30/2026 00:00:00"])
def test_a_date_is_read_as_spreadsheets_write_it(written):
    text = REPORT.read_text(encoding="utf-8").replace("30-Jan-2026", written)
    assert read_report(text, file_name=NAME).area_codes["471"].in_service_on == date(2026, 1, 30)


def test_the_date_is_in_the_first_line_or_the_name_of_the_file():
    text = REPORT.read_text(encoding="utf-8")
    assert read_report(text, file_name=NAME).report_date == date(2026, 3, 1)
    assert read_report(f"File Date,04/01/2026\n{text}", file_name=NAME).report_date == date(2026, 4, 1)
    with pytest.raises(InvalidReport, match="It has no date"):
        read_report(text, file_name="area-codes.csv")
    with pytest.raises(InvalidReport, match="File Date, has no date"):
        read_report(f"File Date,soon\n{text}")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("in_service_date", "since", "It has no column IN_SERVICE_DATE or IN_SERVICE_DT."),
        ("npa,", "code,", "It has no column NPA or NPA_ID."),
        ("203,CT", "202,CT", "The area code 202 is there twice."),
        ("203,CT", "20,CT", "“20” is not an area code."),
        ("203,CT,US", "203,XX,US", "The location of the area code 203 is no State: “XX”."),
        ("203,CT,US", "203,CT,FRANCE", "The country of the area code 203 is not known: “FRANCE”."),
        ("203,CT,US,G", "203,CT,US,X", "The use of the area code 203 is neither G (geographic) nor N"),
        ("30-Jan-2026", "soon", "The date of the area code 471 cannot be read: “soon”."),
    ],
)
def test_a_wrong_cell_is_named(before, after, reason):
    text = REPORT.read_text(encoding="utf-8").replace(before, after, 1)
    with pytest.raises(InvalidReport) as refused:
        read_report(text, file_name=NAME)
    assert reason in str(refused.value)


@pytest.mark.parametrize("lines", [0, 1, 100, 430])
def test_a_report_that_is_cut_off_is_refused(lines):
    text = "\n".join(REPORT.read_text(encoding="utf-8").splitlines()[:lines])
    with pytest.raises(InvalidReport):
        read_report(text, file_name=NAME)
