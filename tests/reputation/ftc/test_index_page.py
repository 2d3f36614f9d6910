"""The names of files are read from the page, and never built."""

from datetime import date

import pytest

from reputation.ftc.index_page import ListedFile, find_files

PAGE_URL = "https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data"
FOLDER = "https://www.ftc.gov/sites/default/files/"


def find(*links: str) -> list[ListedFile]:
    return find_files("".join(f'<p><a href="{link}">File</a>' for link in links), PAGE_URL)


def test_names_are_read_with_their_day_also_those_with_a_suffix():
    name, corrected = "DNC_Complaint_Numbers_2026-11-23.csv", "DNC_Complaint_Numbers_2026-11-24_0.csv"
    assert find(f"/sites/default/files/{name}", f"/sites/default/files/{corrected}") == [
        ListedFile(name, date(2026, 11, 23), FOLDER + name),
        ListedFile(corrected, date(2026, 11, 24), FOLDER + corrected),
    ]


@pytest.mark.parametrize(
    "link",
    [
        "DNC_Complaint_Numbers_2026-11-23.csv",
        f"{FOLDER}DNC_Complaint_Numbers_2026-11-23.csv",
        "//www.ftc.gov/files/DNC_Complaint_Numbers_2026-11-23.csv?v=1&amp;w=2#top",
        " /DNC%5FComplaint_Numbers_2026-11-23.csv ",
        "/2026-11/DNC_Complaint_Numbers_2026-11-23.CSV",
    ],
)
def test_a_link_may_be_written_in_any_way(link):
    (file,) = find(link)
    assert file.day == date(2026, 11, 23)
    assert file.name.lower() == "dnc_complaint_numbers_2026-11-23.csv"
    assert file.url.startswith("https://www.ftc.gov/")
    assert "#" not in file.url


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/DNC_Complaint_Numbers_2026-11-23.csv",
        "http://www.ftc.gov/DNC_Complaint_Numbers_2026-11-23.csv",
        "https://www.ftc.gov:8443/DNC_Complaint_Numbers_2026-11-23.csv",
        "https://me:secret@www.ftc.gov/DNC_Complaint_Numbers_2026-11-23.csv",
        "file:///etc/DNC_Complaint_Numbers_2026-11-23.csv",
        "/DNC_Complaint_Numbers_2026-13-45.csv",
        "/DNC_Complaint_Numbers_2026-11-23.csv.zip",
        "/DNC_Complaint_Numbers.csv",
        f"/{'x' * 500}/DNC_Complaint_Numbers_2026-11-23.csv",
        "https://[broken/DNC_Complaint_Numbers_2026-11-23.csv",
        "/about",
    ],
)
def test_links_to_other_sites_and_to_other_things_are_left_out(link):
    assert find(link) == []


def test_a_file_that_is_linked_twice_is_one_file():
    assert len(find("/a/DNC_Complaint_Numbers_2026-11-23.csv", "/b/DNC_Complaint_Numbers_2026-11-23.csv")) == 1


@pytest.mark.parametrize("html", ["", "<html>", "no links", "<a>", "<a href>", "<![broken <a href='x'", "\ufffd<"])
def test_a_page_without_links_lists_nothing(html):
    assert find_files(html, PAGE_URL) == []
