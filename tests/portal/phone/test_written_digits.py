"""Never invent a number: whatever is accepted has exactly the digits that are written.

NUMBER_EXAMPLES=100000 runs more examples than the suite does.
"""

import os
import re
import unicodedata
from decimal import Decimal

import phonenumbers
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from portal.phone.numbers import InvalidPhoneNumber, parse_number

EXAMPLES = int(os.environ.get("NUMBER_EXAMPLES", "1000"))
KEYPAD = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999", strict=True))

run = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)

digit = st.sampled_from("0123456789")
separator = st.sampled_from(
    ["", "", "", " ", "-", ".", "/", "(", ")", ") ", "\u200e", "\xa0", "\u202f", "\xad", "\u2011"]
)
prefix = st.sampled_from(
    ["", "", "", "1", "+1", "+", "00", "011", "0", "001", "+44", "+44 (0)", "0065", "+33 ", "(+1)"]
)
suffix = st.sampled_from(
    ["", "", "", "", ".0", ",00", ".5", "E9", "E+10", " ext 12", "x3", ",", " 2065550143", "FLOWERS"]
)
area_code = st.sampled_from(["206", "212", "357", "465", "787", "670", "800", "900", "500", "20", "310", "416", "7946"])


@st.composite
def grouped(draw: st.DrawFn) -> str:
    """Digits as people group them: mostly near ten, with an area code, separators, a prefix and something behind."""
    digits = draw(area_code) + "".join(draw(st.lists(digit, min_size=4, max_size=9)))
    body = "".join(character + draw(separator) for character in digits)
    return draw(prefix) + body + draw(suffix)


@st.composite
def american(draw: st.DrawFn) -> str:
    """What is mostly accepted: an area code in service and an exchange, with any separators between groups."""
    exchange = draw(st.integers(200, 999))
    groups = draw(area_code), str(exchange), f"{draw(st.integers(0, 9999)):04}"
    return draw(prefix) + draw(separator).join(groups) + draw(suffix)


@st.composite
def from_spreadsheet(draw: st.DrawFn) -> str:
    number = draw(st.integers(2_000_000_000, 19_999_999_999))
    text = draw(
        st.sampled_from(
            [
                f"{number}.0",
                f"{number:.{draw(st.integers(3, 11))}E}",
                f"{number / 10}",
                f"{number}",
                f"{number:,}",
                f"{number:,}".replace(",", "."),
            ]
        )
    )
    return text.replace("E+", draw(st.sampled_from(["E+", "E", "e+0"])))


anything = st.text(st.one_of(st.sampled_from("0123456789+-() .,/xE"), st.characters()), max_size=25)
texts = st.one_of(grouped(), american(), from_spreadsheet(), anything)


def get_visible(text: str) -> str:
    """The text with ASCII digits, and without characters that cannot be seen."""
    kept = (character for character in text if unicodedata.category(character) != "Cf")
    return "".join(str(unicodedata.decimal(c)) if unicodedata.category(c) == "Nd" else c for c in kept).strip()


def get_allowed_digits(text: str, *, has_letters: bool) -> set[str]:
    """The digits that a number in this text may have, with its country code."""
    text = get_visible(text)
    if re.fullmatch(r"\+?\d([.,]\d+)?E\+?\d+", text, re.IGNORECASE):
        expanded = Decimal(text.replace(",", "."))
        assert expanded == int(expanded), "a fraction was dropped"
        mantissa = re.sub(r"\D", "", text.upper().split("E")[0])
        assert len(mantissa) >= len(str(int(expanded))), "digits were added"
        text = text[: text.startswith("+")] + str(int(expanded))
    text = re.sub(r"^(\+?\d+)[.,]0+$", r"\1", text) if not re.fullmatch(r"\+?\d+[.,]0{4}", text) else text
    if has_letters:
        text = "".join(KEYPAD.get(character.upper(), character) for character in text)
    without_trunk = re.sub(r"\(\s*0\s*\)", "", text, count=1)
    found = set()
    for variant in (text, without_trunk):
        digits = re.sub(r"\D", "", variant)
        is_international = "+" in text
        found.add(digits)
        if not is_international:
            found |= {"1" + digits} if len(digits) == 10 else set()
            found |= {digits.removeprefix(code) for code in ("00", "011")}
    if without_trunk != text and not re.match(r"\W*(\+|0)", text):
        found -= {re.sub(r"\D", "", without_trunk)}
    return found


@run
@given(text=texts, allow_letters=st.booleans())
@example(text="+", allow_letters=False)
@example(text="0065 6555 0143", allow_letters=False)
@example(text="206555014.0", allow_letters=False)
@example(text="310-0143", allow_letters=True)
@example(text="1.2065550143E10", allow_letters=True)
@example(text="+1 0 206 555 0146", allow_letters=False)
def test_an_accepted_number_has_the_written_digits(text, allow_letters):
    try:
        e164 = parse_number(text, allow_letters=allow_letters).e164
    except InvalidPhoneNumber:
        event("refused")
        return
    event("accepted")
    has_letters = allow_letters and bool(re.search(r"\d\D*[A-Z]", text, re.IGNORECASE))
    assert e164[1:] in get_allowed_digits(text, has_letters=has_letters)


@run
@given(text=texts, country=st.sampled_from(["GB", "44", "DE", "FR", "SG", "MX", "AU", "IT", "RU", "US", "1"]))
def test_a_number_with_a_country_has_the_written_digits_and_is_of_that_country(text, country):
    try:
        e164 = parse_number(text, country=country).e164
    except InvalidPhoneNumber:
        event("refused")
        return
    event("accepted")
    allowed = get_allowed_digits(text, has_letters=False)
    region = {"44": "GB", "1": "US"}.get(country, country)
    code, trunk = phonenumbers.country_code_for_region(region), phonenumbers.ndd_prefix_for_region(region, True)
    visible = get_visible(text)
    is_international = "+" in visible or re.match(r"\W*(0\W*0|0\W*1\W*1)", visible)
    national = {f"{code}{digits}" for digits in allowed} | {
        f"{code}{digits.removeprefix(trunk or '')}" for digits in allowed
    }
    assert e164[1:] in allowed | national
    assert is_international or e164.startswith(f"+{code}")
