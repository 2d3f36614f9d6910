"""What a search text says about numbers."""

import pytest

from portal.phone.search import MAX_PARTS, MAX_SEARCH_LENGTH, NumberSearch, read_number_search

BOTH = NumberSearch(numbers=("+12065550143", "+12065550144"))


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("+1415", NumberSearch(prefixes=("+1415",))),
        ("+1 (415) 2", NumberSearch(prefixes=("+14152",))),
        ("1 (415) 2", NumberSearch(prefixes=("+14152",))),
        ("(415) 2", NumberSearch(prefixes=("+14152",))),
        ("(415", NumberSearch(prefixes=("+1415",))),
        ("\u200e(415)\xa02", NumberSearch(prefixes=("+14152",))),
        ("+44", NumberSearch(prefixes=("+44",))),
        ("0143", NumberSearch(parts=("0143",))),
        ("555-0143", NumberSearch(parts=("5550143",))),
        ("206) 555-01", NumberSearch(parts=("20655501",))),
        ("(206) 555-0143, 206-555-0144", BOTH),
        ("2065550143 2065550144", BOTH),
        ("+12065550143; +12065550144", BOTH),
        ("206 555 0143\n206 555 0144", BOTH),
        ("2065550143\t12065550144", BOTH),
        ("20655501432065550144", BOTH),  # a browser removes the line breaks
        ("+12065550143+12065550144", BOTH),
        ("(206) 555-0143(206) 555-0144", BOTH),
        ("2065550143, 2065550144, 2065550143", BOTH),
        ("2065550143, +44, 99", NumberSearch(("+12065550143",), ("+44",), ("99",))),
        ("Seattle, WA", NumberSearch()),
        ("zurich", NumberSearch()),
        ("Line 2065550143", NumberSearch()),
        ("", NumberSearch()),
        ("+", NumberSearch()),
        ("---", NumberSearch()),
    ],
)
def test_a_search_text_is_read_by_its_structure(text, search):
    assert read_number_search(text) == search


def test_a_long_text_is_read_in_bounded_time_and_into_a_bounded_condition():
    search = read_number_search(",".join(map(str, range(1_000)))[:MAX_SEARCH_LENGTH])
    assert len(search.parts) == MAX_PARTS
    assert read_number_search("1" * MAX_SEARCH_LENGTH)
    assert read_number_search("2" * MAX_SEARCH_LENGTH)
    assert read_number_search("2065550143" * 200)
