"""Numbers are read as phonenumbers reads them."""

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from portal.phone.numbers import KINDS, NotANumber, Parsed, parse


def as_phonenumbers_has_it(e164: str) -> Parsed | None:
    number = phonenumbers.parse(e164)
    if not phonenumbers.is_valid_number(number):
        return None
    type_ = phonenumbers.number_type(number)
    assert type_ != PhoneNumberType.UNKNOWN
    kind = KINDS.get(type_, "other")
    area_code = e164[2:5] if e164.startswith("+1") and kind == "geographic" else ""
    return Parsed(e164, phonenumbers.region_code_for_number(number) or "001", kind, area_code)


def as_read(e164: str) -> Parsed | None:
    try:
        return parse(e164)
    except NotANumber:
        return None


@pytest.mark.parametrize("hundreds", range(2, 10))
def test_every_area_code_is_read_as_phonenumbers_reads_it(hundreds):
    chance = random.Random(hundreds)
    numbers = [
        f"+1{area}{chance.randrange(100, 1_000)}{chance.randrange(10_000):04}"
        for area in range(hundreds * 100, hundreds * 100 + 100)
        for _ in range(20)
    ]
    assert {number: as_read(number) for number in numbers} == {
        number: as_phonenumbers_has_it(number) for number in numbers
    }


@pytest.mark.parametrize("one", ["", "1", "+1", "1 ", "+1 ", "1-", "+1.", "+"])
@pytest.mark.parametrize(
    "grouped",
    ["({}) {}-{}", "({}){}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}", "{}{}{}", "{}{}-{}", "({} {}-{}", "{}--{}{}"],
)
def test_a_number_as_people_group_it_is_read_as_phonenumbers_reads_it(one, grouped):
    chance = random.Random(one + grouped)
    for _ in range(200):
        digits = chance.randrange(10), chance.randrange(100), chance.randrange(1_000), chance.randrange(10_000)
        text = one + grouped.format(f"{digits[0]}{digits[1]:02}", f"{digits[2]:03}", f"{digits[3]:04}")
        try:
            number = phonenumbers.parse(text, "US")
        except phonenumbers.NumberParseException:
            expected = None
        else:
            expected = as_phonenumbers_has_it(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        assert as_read(text) == expected


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_an_example_of_every_country_is_read_as_phonenumbers_reads_it(region):
    for type_ in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE):
        if example := phonenumbers.example_number_for_type(region, type_):
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert as_read(e164) == as_phonenumbers_has_it(e164)
