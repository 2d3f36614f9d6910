"""Numbers are parsed as phonenumbers parses them."""

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from portal.phone.numbers import KIND_BY_TYPE, InvalidPhoneNumber, ParsedNumber, parse_number


def parse_with_phonenumbers(e164: str) -> ParsedNumber | None:
    number = phonenumbers.parse(e164)
    if not phonenumbers.is_valid_number(number):
        return None
    type_ = phonenumbers.number_type(number)
    assert type_ != PhoneNumberType.UNKNOWN
    kind = KIND_BY_TYPE.get(type_, "other")
    area_code = e164[2:5] if e164.startswith("+1") and kind == "geographic" else ""
    return ParsedNumber(e164, phonenumbers.region_code_for_number(number) or "001", kind, area_code)


def parse_or_none(e164: str) -> ParsedNumber | None:
    try:
        return parse_number(e164)
    except InvalidPhoneNumber:
        return None


@pytest.mark.parametrize("hundreds", range(2, 10))
def test_every_area_code_is_parsed_as_by_phonenumbers(hundreds):
    chance = random.Random(hundreds)
    numbers = [
        f"+1{area}{chance.randrange(100, 1_000)}{chance.randrange(10_000):04}"
        for area in range(hundreds * 100, hundreds * 100 + 100)
        for _ in range(20)
    ]
    assert {number: parse_or_none(number) for number in numbers} == {
        number: parse_with_phonenumbers(number) for number in numbers
    }


@pytest.mark.parametrize("prefix", ["", "1", "+1", "1 ", "+1 ", "1-", "+1.", "+"])
@pytest.mark.parametrize(
    "grouped",
    ["({}) {}-{}", "({}){}-{}", "{}-{}-{}", "{}.{}.{}", "{} {} {}", "{}{}{}", "{}{}-{}", "({} {}-{}", "{}--{}{}"],
)
def test_a_number_as_people_group_it_is_parsed_as_by_phonenumbers(prefix, grouped):
    chance = random.Random(prefix + grouped)
    for _ in range(200):
        digits = chance.randrange(10), chance.randrange(100), chance.randrange(1_000), chance.randrange(10_000)
        text = prefix + grouped.format(f"{digits[0]}{digits[1]:02}", f"{digits[2]:03}", f"{digits[3]:04}")
        try:
            number = phonenumbers.parse(text, "US")
        except phonenumbers.NumberParseException:
            expected = None
        else:
            expected = parse_with_phonenumbers(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        assert parse_or_none(text) == expected


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_an_example_of_every_country_is_parsed_as_by_phonenumbers(region):
    for type_ in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE):
        if example := phonenumbers.example_number_for_type(region, type_):
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert parse_or_none(e164) == parse_with_phonenumbers(e164)
