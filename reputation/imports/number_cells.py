"""Read the cell of a number column: one number, several, or a range such as 206-555-0150 - 0159."""

from __future__ import annotations

import re
from functools import lru_cache

from portal.phone.numbers import InvalidPhoneNumber, ParsedNumber
from reputation.phone_numbers import parse_caller_id

# The numbers that one cell may stand for.
MAX_NUMBERS = 1_000
MAX_CELL_LENGTH = 5_000

_TEXT_FORMULA = re.compile(r'="?([^"A-Za-z(]*)"?')
_TOTAL = re.compile(r"(grand |sub)?-?(total(es)?|sum|suma|count|cuenta)\b", re.IGNORECASE)
_LIST_SEPARATOR = re.compile(r"\s*[,;/|&\n]\s*|\s+(?:and|or|y|o)\s+|\s{2,}", re.IGNORECASE)
_RANGE_WORD = r"\s*(?:\.{2,}|…|–|—|~|→)\s*|\s+(?:-|−|to|thru|through|until|a|al|hasta)\s+"
_RANGE_SEPARATOR = re.compile(rf"(?P<word>{_RANGE_WORD})|\s*-\s*", re.IGNORECASE)
# The digits of a range's end that replace those of its start. Fewer after a mere hyphen may be an extension.
_LINE_NUMBER = re.compile(r"\d{4}")


def parse_cell(text: str, *, country: str = "") -> list[ParsedNumber]:
    """Return the numbers that a cell stands for. Raises InvalidPhoneNumber, with what is wrong with this value."""
    text = clean_cell(text)
    try:
        return [parse_caller_id(text, country=country)]
    except InvalidPhoneNumber as error:
        if several := _parse_several(text, country):
            return several
        raise InvalidPhoneNumber(_explain(text) or str(error)) from None


@lru_cache(maxsize=4096)
def is_number(text: str) -> bool:
    """Whether a cell holds a phone number, several, or a range."""
    if not sum(map(str.isdigit, text)) >= 7 or len(text) > 200:
        return False
    try:
        return bool(parse_cell(text))
    except InvalidPhoneNumber:
        return False


def clean_cell(text: str) -> str:
    """Remove what spreadsheets need to keep digits as text: an apostrophe, or a formula around them."""
    if text.startswith("=") and (formula := _TEXT_FORMULA.fullmatch(text)):
        text = formula[1]
    return text.lstrip("'’‘")


def _explain(text: str) -> str:
    """The reason for text without digits, or a line with totals. Empty for text that was meant to be a number."""
    if _TOTAL.match(text):
        return "This is a line with totals, not a phone number."
    if text and not re.search(r"\d", text):
        return "This is text, not a phone number."
    return ""


def _parse_several(text: str, country: str) -> list[ParsedNumber]:
    """Return the numbers of a range or a list. Empty if the text is neither."""
    if not text or len(text) > MAX_CELL_LENGTH:
        return []
    if numbers := _parse_range(text, country):
        return numbers
    parts = [part for part in _LIST_SEPARATOR.split(text) if part]
    if len(parts) < 2:
        return []
    found: dict[str, ParsedNumber] = {}
    wrong = []
    for part in parts:
        try:
            numbers = _parse_range(part, country) or [parse_caller_id(part, country=country)]
            found |= {number.e164: number for number in numbers}
        except InvalidPhoneNumber:
            wrong.append(part)
    if len(found) < 2:
        return []
    if wrong:
        raise InvalidPhoneNumber(f"This cell holds several numbers, and “{wrong[0][:40]}” is none.")
    _check_count(len(found))
    return list(found.values())


def _parse_range(text: str, country: str) -> list[ParsedNumber]:
    """Return the numbers of a range: its start is a number, its end another one or the last four digits of it."""
    for match in reversed(list(_RANGE_SEPARATOR.finditer(text))):
        start, end = text[: match.start()].strip(), text[match.end() :].strip()
        try:
            first = parse_caller_id(start, country=country)
        except InvalidPhoneNumber:
            continue
        if _LINE_NUMBER.fullmatch(end):
            return _expand(first, first.e164[:-4] + end)
        if re.fullmatch(r"\d{2,3}", end) and match["word"] and "-" not in match["word"]:
            return _expand(first, first.e164[: -len(end)] + end)
        try:
            return _expand(first, parse_caller_id(end, country=country).e164)
        except _WrongRange:
            raise
        except InvalidPhoneNumber:
            continue
    return []


class _WrongRange(InvalidPhoneNumber):
    """The text is a range that cannot be used."""


def _expand(first: ParsedNumber, last: str) -> list[ParsedNumber]:
    start, end = int(first.e164), int(last)
    if len(first.e164) != len(last) or end <= start:
        raise _WrongRange("This range ends before it begins.")
    _check_count(end - start + 1)
    return [parse_caller_id(f"+{number}") for number in range(start, end + 1)]


def _check_count(count: int) -> None:
    if count > MAX_NUMBERS:
        raise _WrongRange(f"This cell stands for {count:,} numbers. It may stand for {MAX_NUMBERS:,}.")
