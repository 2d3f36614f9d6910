"""The links to complaint files on the FTC's page. Names are read and never built: some end in `_0` before `.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from urllib.parse import unquote

import httpx

FILE_NAME = re.compile(r"DNC_Complaint_Numbers_(\d{4}-\d{2}-\d{2})\w*\.csv", re.IGNORECASE)
# What the columns of FtcFile hold. The FTC's are much shorter.
MAX_NAME_LENGTH, MAX_URL_LENGTH = 200, 500


@dataclass(frozen=True)
class ListedFile:
    name: str
    day: date
    url: str


def find_files(html: str, page_url: str) -> list[ListedFile]:
    """Return the complaint files that the page links to, each name once. Links to other sites are left out."""
    parser = _LinkParser()
    # HTMLParser raises AssertionError for sections that it does not know, such as <![endif2]>.
    parser.feed(html.replace("<![", "<! ["))
    found = (_read_link(link, httpx.URL(page_url)) for link in parser.links)
    return list(_by_name(filter(None, found)).values())


def is_same_site(url: httpx.URL, other: httpx.URL) -> bool:
    return (url.scheme, url.host, url.port) == (other.scheme, other.host, other.port)


def _by_name(files: Iterable[ListedFile]) -> dict[str, ListedFile]:
    by_name: dict[str, ListedFile] = {}
    for file in files:
        by_name.setdefault(file.name, file)
    return by_name


def _read_link(link: str, page_url: httpx.URL) -> ListedFile | None:
    """The file that a link leads to; None if it leads to anything else."""
    try:
        url = page_url.join(link.strip())
        name = unquote(url.path).rpartition("/")[2]
        match = FILE_NAME.fullmatch(name)
        day = date.fromisoformat(match[1]) if match else None
    except (httpx.InvalidURL, ValueError):
        return None
    is_too_long = len(name) > MAX_NAME_LENGTH or len(str(url)) > MAX_URL_LENGTH
    if day is None or is_too_long or url.userinfo or not is_same_site(url, page_url):
        return None
    return ListedFile(name, day, str(url.copy_with(fragment=None)))


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]
