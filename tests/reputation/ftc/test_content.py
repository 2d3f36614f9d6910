"""Only whole complaint files are loaded: no web pages, and none whose end is missing."""

import pytest

from reputation.ftc.content import CutOff, NotAComplaintFile, check_content
from tests.reputation.ftc.conftest import HEADINGS, write_file, write_row

ROWS = write_file(write_row("2065550143"), write_row("2065550144"))


@pytest.fixture
def check(tmp_path):
    def check(content: bytes) -> None:
        (tmp_path / "file.csv").write_bytes(content)
        check_content(tmp_path / "file.csv")

    return check


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        ROWS.replace(b"\r\n", b"\n"),
        b"\xef\xbb\xbf" + ROWS,
        ROWS.replace(b"Company_Phone_Number", b'"Company_Phone_Number"'),
        ROWS.replace(b"Seattle", b'"Seattle, WA"'),
        ROWS.replace(b"Seattle", b'"Seattle'),
        ROWS.replace(b"Seattle", "Ca\u00f1on City".encode("cp1252")),
    ],
)
def test_a_whole_file_passes(check, content):
    check(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<!DOCTYPE html><html></html>", "answers with a web page"),
        (b"\n  <html>" + ROWS, "begins with an empty line"),
        (b"  <html>" + ROWS, "answers with a web page"),
        (b"", "is empty"),
        (b"phone,date\n2065550143,2026-11-20\n", "its first line begins with 'phone,date'"),
        (b"x" * 100_000, "its first line begins with 'xxx"),
    ],
)
def test_something_else_is_refused_by_name(check, content, problem):
    with pytest.raises(NotAComplaintFile, match=problem):
        check(content)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (ROWS[:-30], "its last line has 4 of 8 cells"),
        (ROWS.replace(b"Other", b'"a, b, c, d')[:-6], "its last line has no end"),
        (ROWS[: ROWS.rindex(b"2065550144") + 4], "its last line has 1 of 8 cells"),
        (HEADINGS.encode() + b"\r\n", "it has no rows"),
        (HEADINGS.encode(), "it has no rows"),
    ],
)
def test_a_file_without_its_end_is_cut_off(check, content, problem):
    with pytest.raises(CutOff, match=problem) as refusal:
        check(content)
    assert not refusal.value.lacks_line_end_only


def test_a_last_line_without_an_end_is_told_apart_because_it_may_be_meant(check):
    with pytest.raises(CutOff, match="its last line has no end") as refusal:
        check(ROWS.removesuffix(b"\r\n"))
    assert refusal.value.lacks_line_end_only
