"""docs/security.md answers each requirement of levels 1 and 2 of OWASP ASVS 5.0.0, and names only what exists."""

import re
from collections.abc import Iterator

import pytest

from tests.support.asvs import get_levels
from tests.test_architecture import ROOT, names_in_module

DOCUMENT = (ROOT / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d) \| ([a-z ]+) \|(.*)\|$", DOCUMENT, re.MULTILINE)
# `path/file.py`, `path/file.py:name`, `tests/path/file.py::name`, or `folder/`.
# A file of the root has no folder: `requirements.txt`.
REFERENCES = sorted(
    set(re.findall(r"`((?:[\w.-]+/)+(?:[\w.-]+(?:::?\w[\w.:]*)?)?|[.\w-]+\.(?:txt|toml|yaml|example|md))`", DOCUMENT))
)
STATES = {"met", "not met", "not applicable"}


def number_order(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]


def find_missing(reference: str) -> Iterator[str]:
    path, _, name = reference.partition(":")
    if not (ROOT / path).exists():
        yield path
    elif name:
        name = name.removeprefix(":").replace("::", ".")
        if name not in names_in_module(ROOT / path):
            yield name


def test_levels_1_and_2_have_as_many_requirements_as_the_standard():
    levels = list(get_levels().values())
    assert (levels.count(1), levels.count(2)) == (70, 183)


def test_each_requirement_of_levels_1_and_2_is_in_the_table_once_and_in_order():
    expected = [(number, str(level)) for number, level in get_levels().items()]
    assert [(number, level) for number, level, _, _ in ROWS] == expected


def test_each_requirement_has_a_known_state_and_a_reason():
    assert {state for _, _, state, _ in ROWS} == STATES
    assert [number for number, _, _, reason in ROWS if len(reason.strip()) < 5] == []


def test_what_is_met_names_a_file_or_a_section():
    pattern = r"`[\w.-]+[/.][^`]*`|\*[A-Z][^*]+\*, above"
    assert [number for number, _, state, reason in ROWS if state == "met" and not re.search(pattern, reason)] == []


def test_sections_that_the_table_names_exist():
    sections = set(re.findall(r"\*([A-Z][^*]+)\*, above", DOCUMENT))
    assert sections - set(re.findall(r"^## (.+)$", DOCUMENT, re.MULTILINE)) == set()


def test_list_of_what_is_not_met_is_that_of_the_table():
    listed = re.findall(r"^- \*\*([\d., ]+)\*\*", DOCUMENT.partition("## What is not met")[2], re.MULTILINE)
    numbers = [number for part in listed for number in part.rstrip(".").split(", ")]
    assert sorted(numbers, key=number_order) == [number for number, _, state, _ in ROWS if state == "not met"]


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_file_and_test_that_is_named_exists(reference):
    assert list(find_missing(reference)) == []


def test_a_file_or_test_that_does_not_exist_is_found():
    assert list(find_missing("tests/no_such_file.py")) == ["tests/no_such_file.py"]
    assert list(find_missing("tests/test_urls.py::test_of_nothing")) == ["test_of_nothing"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/sign-in/", "/admin/", "/static/css/portal.css", "/no-such-page/", "/api/v1/numbers"]
)
def test_pages_load_nothing_of_others(client, path):
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert set(policy.values()) <= {"'none'", "'self'", "'self' data:"}
    for directive in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert policy[directive] == "'none'"
    assert policy["script-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/static/", "/static/js/", "/uploads/", "/media/"])
def test_folders_are_not_listed(client, path):
    assert client.get(path).status_code == 404
