"""The FTC's files as people really have them: which rows count, and which are skipped by name."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from reputation import complaint_files
from reputation.complaint_files import UnreadableFile, get_day, load_file
from reputation.complaint_rows import COLUMNS
from reputation.models import Complaint, ComplaintFile

pytestmark = pytest.mark.django_db

CASES = Path(__file__).parent / "cases"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEADINGS = ",".join(COLUMNS)
ROW = "2067824021,2026-11-20 13:05:22,2026-11-19 10:00:00,Denver,Colorado,303,Other,Y"
QUOTE = "A quotation mark is opened here and not closed."
SHIFTED = "with cells that are not in their columns"
TWO_MEANINGS = "with a date that may be month/day or day/month"


@pytest.fixture
def load(tmp_path):
    """Load a file with these rows; return the result."""

    def load(*rows: str, headings: str = HEADINGS, encoding: str = "utf-8"):
        path = tmp_path / "complaints.csv"
        path.write_bytes("".join(f"{row}\n" for row in (headings, *rows)).encode(encoding))
        return load_file(path, now=NOW)

    return load


# Files from the field -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "loaded", "output"),
    [
        (
            "ftc-stray-quote.csv",
            ["43", "44", "46"],
            [
                "4 rows, 3 complaints loaded.",
                f"  1 skipped: {QUOTE}",
                '      line 4 (2065550145,2026-11-20 08:17:00,,"Tacoma,)',
            ],
        ),
        ("ftc-resaved-by-excel.csv", ["43", "44", "45"], ["3 rows, 3 complaints loaded."]),
        (
            "ftc-2026-blanks.csv",
            ["43", "44", "45", "45"],
            [
                "6 rows, 4 complaints loaded.",
                "  1 skipped: without a number",
                "      line 5",
                "  1 skipped: The area code 555 is not assigned, so no such number exists.",
                "      line 6 (5551234567)",
            ],
        ),
        ("ftc-utf16.csv", ["43"], ["1 row, 1 complaint loaded."]),
    ],
)
def test_the_command_gives_the_right_answer_for_each_file(name, loaded, output, capsys):
    with time_machine.travel(NOW, tick=False):
        call_command("load_complaints", str(CASES / name))
    assert capsys.readouterr().out.splitlines() == [f"{name}: {output[0]}", *output[1:]]
    assert sorted(Complaint.objects.values_list("e164", flat=True)) == [f"+120655501{end}" for end in loaded]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("ftc-three-columns.csv", COLUMNS[3:]),
        ("spam-call-log.csv", COLUMNS),
    ],
)
def test_a_file_without_the_columns_is_refused_with_the_missing_names(name, missing, capsys):
    with pytest.raises(CommandError):
        call_command("load_complaints", str(CASES / name))
    error = capsys.readouterr().err
    assert f"{name}: This is not a file of the FTC's reported calls" in error
    assert f"it has no {', no '.join(missing)}." in error
    assert not ComplaintFile.objects.exists()


@pytest.mark.parametrize(
    "headings",
    [
        "Ticket ID,Ticket Created,Date of Issue,Time of Issue,Form,Method,Issue,Caller ID Number,"
        "Type of Call or Messge,Advertiser Business Number,City,State,Zip,Location (Center point of the Zip Code)",
        "id,issue_date,issue_time,issue_type,method,issue,caller_id_number,type_of_call_or_messge,"
        "advertiser_business_phone_number,state,zip,location_1",
    ],
)
def test_the_fccs_file_is_recognised_and_refused_with_what_to_load_instead(load, headings):
    with pytest.raises(UnreadableFile) as refusal:
        load(
            "1,11/20/2026,,8:15 am,Phone,Wireless,Unwanted Calls,206-782-4021",
            headings=headings,
        )
    assert "This is the FCC's file of unwanted calls" in str(refusal.value)
    assert "https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data" in str(refusal.value)
    assert not ComplaintFile.objects.exists()


# Encodings and delimiters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "utf-16-le", "mac-roman"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_file_in_any_encoding_and_with_any_delimiter_is_read(load, encoding, delimiter):
    row = ROW.replace("Denver", "Cañon City").replace(",", delimiter)
    assert load(row, headings=HEADINGS.replace(",", delimiter), encoding=encoding).loaded == 1
    assert Complaint.objects.get().city == "Cañon City"


def test_the_same_complaint_in_another_encoding_counts_once(load):
    load(ROW)
    assert load(ROW, encoding="utf-16").duplicates == 1
    assert Complaint.objects.count() == 1


def test_title_lines_above_the_headings_are_no_rows(load):
    assert load(HEADINGS, ROW, headings="Complaints of November,,,,,,,").rows == 1


def test_a_bad_byte_costs_its_row_which_is_named(tmp_path):
    path = tmp_path / "complaints.csv"
    rows = [ROW.replace("Denver", "Cañon City"), ROW.replace("Denver", "Ca?on"), ROW]
    path.write_bytes("\n".join([HEADINGS, *rows]).encode().replace(b"?", b"\xf1"))
    result = load_file(path, now=NOW)
    assert (result.rows, result.loaded) == (3, 2)
    assert result.skipped_lines == {"with characters that cannot be read": ["line 3 (Consumer_City: Ca\ufffdon)"]}


# Rows that are shifted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        ROW.replace("Denver", "Denver, CO"),
        ROW.replace("2026-11-19 10:00:00,", ""),
        ROW.replace("Colorado,", ""),
        ROW.replace("303,", ""),
        ROW.replace("Other,", ""),
        ROW.replace("Denver", "Denver, CO").removesuffix(",Y"),
        "2067824099," + ROW,
        "2067824099," + ROW.removesuffix(",Y"),
        "," + ROW,
    ],
)
def test_a_shifted_row_counts_against_nobody_and_is_named(load, row):
    result = load(row, ROW)
    assert (result.rows, result.loaded) == (2, 1)
    ((_, (line,)),) = result.skipped_lines.items()
    assert line.startswith("line 2")


def test_a_row_whose_last_cells_are_empty_may_leave_them_out(load):
    result = load("2067824021,2026-11-20 13:05:22", f"{ROW},,")
    assert (result.loaded, result.skipped) == (2, {})


def test_what_is_out_of_place_is_named_with_its_column(load):
    result = load(ROW.replace("Denver", "Denver, CO").removesuffix(",Y"))
    assert result.skipped_lines == {SHIFTED: ["line 2 (Consumer_Area_Code: Colorado)"]}


# Dates ----------------------------------------------------------------------------------------------------------------


def test_a_row_with_a_date_of_two_meanings_is_named_with_the_date(load):
    result = load(ROW.replace("2026-11-20 13:05:22", "11/12/2026"), ROW)
    assert result.loaded == 1
    assert result.skipped_lines == {TWO_MEANINGS: ["line 2 (11/12/2026)"]}


def test_the_time_of_the_call_may_have_two_meanings_because_nothing_is_counted_by_it(load):
    assert load(ROW.replace("2026-11-19 10:00:00", "11/12/2026")).loaded == 1
    assert Complaint.objects.get().violated_at is None


# Resaved by a spreadsheet ---------------------------------------------------------------------------------------------

RESAVED = "2067824021,11/20/2026 13:05,11/19/2026 10:00,Denver,Colorado,303,Other,Y"


def test_a_row_that_a_spreadsheet_has_saved_again_is_the_same_complaint(load):
    load(ROW)
    result = load(RESAVED)
    assert (result.loaded, result.duplicates) == (0, 1)
    assert Complaint.objects.count() == 1


@pytest.mark.parametrize(
    "resaved",
    [
        RESAVED.replace("2067824021", "2.067824021E+09"),
        RESAVED.replace("2067824021", "(206) 782-4021"),
        RESAVED.replace("11/20/2026 13:05", "20.11.2026 13:05"),
        RESAVED.replace("11/20/2026 13:05", "11/20/2026 1:05 PM"),
        RESAVED.replace("11/19/2026 10:00", "11/12/2026 10:00"),
        RESAVED.replace("303", "303.0"),
        RESAVED.replace("Y", "yes").replace("Other", " Other "),
    ],
)
def test_whatever_the_spreadsheet_writes_differently(load, resaved):
    load(ROW)
    assert load(resaved).duplicates == 1


@pytest.mark.parametrize(
    "other",
    [
        ROW.replace("2067824021", "2067824022"),
        ROW.replace("13:05:22", "13:06:22"),
        ROW.replace("Denver", "Boulder"),
        ROW.replace("Colorado", "Utah"),
        ROW.replace("303", "720"),
        ROW.replace("Other", "Debt relief"),
        ROW.replace(",Y", ",N"),
        ROW.replace(",Y", ","),
    ],
)
def test_rows_that_differ_are_different_complaints(load, other):
    load(ROW)
    assert load(other).loaded == 1
    assert Complaint.objects.count() == 2


def test_complaints_of_the_same_minute_in_one_file_are_all_counted(load):
    rows = [ROW, ROW.replace("13:05:22", "13:05:40"), ROW]
    assert load(*rows).loaded == 3
    resaved = load(RESAVED, RESAVED, RESAVED)
    assert (resaved.loaded, resaved.duplicates) == (0, 3)


def test_a_file_from_the_field_and_its_copy_from_a_spreadsheet_share_their_complaint():
    load_file(CASES / "ftc-stray-quote.csv", now=NOW)
    result = load_file(CASES / "ftc-resaved-by-excel.csv", now=NOW)
    assert (result.loaded, result.duplicates) == (2, 1)


# What operators see ---------------------------------------------------------------------------------------------------


def test_the_file_keeps_which_rows_were_skipped_and_why(load):
    load(ROW, ROW, *[f",{ROW.partition(',')[2]}"] * 7, ROW.replace("2026-11-20", "2027-11-20"))
    file = ComplaintFile.objects.get()
    assert (file.row_count, file.loaded_count, file.skipped_count, file.duplicate_count) == (10, 2, 8, 0)
    assert file.skipped == {
        "without a number": {"rows": 7, "lines": [f"line {line}" for line in range(4, 9)]},
        "dated in the future": {"rows": 1, "lines": ["line 11 (2027-11-20 13:05:22)"]},
    }


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("DNC_Complaint_Numbers_2026-11-23.csv", date(2026, 11, 23)),
        ("DNC_Complaint_Numbers_2026-11-23_0.csv", date(2026, 11, 23)),
        ("DNC_Complaint_Numbers_2026-11-23 (1).csv", date(2026, 11, 23)),
        ("DNC_Complaint_Numbers_2026-13-45.csv", None),
        ("complaints.csv", None),
        ("12026-11-233.csv", None),
    ],
)
def test_the_day_of_a_file_is_in_its_name(name, day):
    assert get_day(name) == day


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_names_the_first_lines_of_each_reason(tmp_path, capsys):
    path = tmp_path / "complaints.csv"
    path.write_text("\n".join([HEADINGS, ROW, *[f",{ROW.partition(',')[2]}"] * 7]))
    call_command("load_complaints", str(path))
    output = capsys.readouterr().out
    assert "7 skipped: without a number" in output
    assert "line 3, line 4, line 5, line 6, line 7, …" in output


def test_other_writers_get_their_turn_between_chunks(load, monkeypatch):
    pauses = []
    monkeypatch.setattr(complaint_files, "CHUNK", 1)
    monkeypatch.setattr(complaint_files, "pause", lambda: pauses.append(1))
    load(ROW, ROW, ROW)
    assert len(pauses) == 4
