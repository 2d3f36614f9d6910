"""Numbers are read as they are written: by the numbering plan for +1, by phonenumbers for other countries."""

import contextlib

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from portal.phone.numbers import KIND_BY_TYPE, InvalidPhoneNumber, ParsedNumber, parse_number


def parse_with_phonenumbers(e164: str) -> ParsedNumber | None:
    number = phonenumbers.parse(e164)
    if not phonenumbers.is_valid_number(number):
        return None
    kind = KIND_BY_TYPE.get(phonenumbers.number_type(number), "other")
    return ParsedNumber(e164, phonenumbers.region_code_for_number(number) or "001", kind, "")


def get_reason(text: str, **options: object) -> str:
    with pytest.raises(InvalidPhoneNumber) as refused:
        parse_number(text, **options)
    assert len(str(refused.value)) <= 200  # as an import stores it
    return str(refused.value)


ABROAD = sorted(phonenumbers.SUPPORTED_REGIONS - set(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]))


@pytest.mark.parametrize("region", ABROAD)
def test_an_example_of_every_other_country_is_parsed_as_by_phonenumbers(region):
    for type_ in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE):
        if example := phonenumbers.example_number_for_type(region, type_):
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert parse_number(e164) == parse_with_phonenumbers(e164)


@pytest.mark.parametrize(
    "prefix", ["", "1", "+1", "1 ", "+1 ", "1-", "+1.", "(+1) ", "011 1 ", "001", "+1 (0) ", "tel:+1"]
)
@pytest.mark.parametrize(
    "grouped",
    [
        "(206) 555-0143",
        "(206)555-0143",
        "206-555-0143",
        "206.555.0143",
        "206 555 0143",
        "2065550143",
        "206555-0143",
        "206.5550143",
        "206555.0143",
        "206/555-0143",
        "[206] 555 0143",
        "(206 555-0143",
        "206--5550143",
        "206 555 01 43",
    ],
)
def test_an_american_number_is_read_however_it_is_grouped(prefix, grouped):
    assert parse_number(prefix + grouped) == ParsedNumber("+12065550143", "US", "geographic", "206")


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("12065550143.0", "+12065550143"),
        ("2065550144.0", "+12065550144"),
        ("+12065550145.0", "+12065550145"),
        ("2065550146,00", "+12065550146"),
        ("1.2065550143E10", "+12065550143"),
        ("1.2065550144E+10", "+12065550144"),
        ("2.065550145E9", "+12065550145"),
        ("1.2065550147e+010", "+12065550147"),
        ("1,2065550148E+10", "+12065550148"),
        ("1.20655501490E10", "+12065550149"),
        ("2,065,550,157", "+12065550157"),
        ("12,065,550,157", "+12065550157"),
        ("2.065.550.158", "+12065550158"),
    ],
)
def test_a_number_as_a_spreadsheet_writes_it_is_expanded(text, e164):
    assert parse_number(text).e164 == e164
    assert parse_number(text, allow_letters=True).e164 == e164  # where E could be a vanity letter


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("206555014.0", "Digits are missing: a number of the United States has ten, without +1, and this has 9."),
        ("612555018.0", "Digits are missing"),
        ("206,555,014", "Digits are missing"),
        ("1,206,555,014", "Digits are missing"),
        ("206555014.3", "This is a decimal number"),
        ("2065550143.5", "This is a decimal number"),
        ("1.20656E+10", "A spreadsheet shortened this number: of 11 digits, 6 are left."),
        ("2.06555014E9", "A spreadsheet shortened this number: of 10 digits, 9 are left."),
        ("1.20655501433E10", "This is a decimal number"),
    ],
)
def test_lost_digits_are_not_made_up(text, reason):
    assert reason in get_reason(text)
    assert reason in get_reason(text, allow_letters=True)


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("0065 6555 0143", "+6565550143"),
        ("0033 1 99 00 12 34", "+33199001234"),
        ("011 1 206 555 0144", "+12065550144"),
        ("001-206-555-0145", "+12065550145"),
        ("011 44 20 7946 0143", "+442079460143"),
        ("+44 (0)20 7946 0143", "+442079460143"),
        ("0044 (0) 20 7946 0143", "+442079460143"),
        ("(+44) 20 7946 0143", "+442079460143"),
    ],
)
def test_an_international_prefix_leads_to_the_country(text, e164):
    assert parse_number(text).e164 == e164


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("002065550143", "There is no such number in +20"),
        ("0047 25 55 01 43", "There is no such number in +47"),
        ("+1 0 206 555 0146", "There are too many digits"),
        ("0206 555 0143", "This begins with 0"),
        ("+0 206 555 0143", "no country code begins with 0"),
        ("+44 020 7946 0143", "a prefix that does not belong behind the country code"),
        ("+999 123 456 789", "its first digits are no country code"),
        ("310-0143", "The area code is missing"),
        ("206 555 014", "Digits are missing"),
        ("1 206 555 014", "Digits are missing"),
        ("206 555 01433", "There are too many digits"),
        ("442079460143", "There are too many digits"),
        ("20 7946 0143", "not grouped as a number of the United States"),
        ("47 25 55 01 43", "not grouped as a number of the United States"),
        ("911 555 1234", "The area code 911 is not assigned"),
        ("211 555 0143", "The area code 211 is not assigned"),
        ("206 211 0143", "the three digits after the area code are 211, a service code"),
        ("206 911 0143", "a service code"),
        ("206 155 0143", "they cannot begin with 1"),
        ("206 055 0143", "they cannot begin with 0"),
        ("206-555-0143, 206-555-0144", "two numbers or more"),
        ("206-555-0143 / 206-555-0144", "two numbers or more"),
        ("206-555-0143 or 206-555-0144", "two numbers or more"),
        ("+12065550143 +12065550144", "two numbers or more"),
        ("2065550143 2065550144", "two numbers"),
        ("206-555-0143 ext. 12", "an extension, 12"),
        ("206-555-0143x12", "an extension, 12"),
        ("206-555-0143 #12", "an extension, 12"),
        ("206 555 0143;22", "an extension, 22"),
        ("$2065550143", "“$”"),
        ("call me", "This has letters in it"),
        ("1-800-FLOWERS", "This has letters in it"),
        ("", "There is no number."),
        ("\u200b\xa0", "There is no number."),
        ("()", "This is not a phone number"),
        ("+", "This is not a phone number"),
        ("(+)", "This is not a phone number"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_this_text(text, reason):
    assert reason in get_reason(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "This is not a phone number"),
        ("206-555-XXXX", "X in the place of digits"),
        ("1-800-FLÖWERS", "This is not a phone number"),
        ("1-800-FLOWERSNOW", "There are too many digits"),
        ("206-555-0143 ext 4", "an extension, 4"),
    ],
)
def test_letters_that_are_no_vanity_number_are_refused_where_a_person_types(text, reason):
    assert reason in get_reason(text, allow_letters=True)


def test_vanity_letters_are_mapped_where_a_person_types_them():
    assert parse_number("1-800-FLOWERS", allow_letters=True).e164 == "+18003569377"
    assert parse_number("Tel: 206 555 0143", allow_letters=True).e164 == "+12065550143"


INVISIBLE = {
    "left-to-right marks": "+1\u200e206\u200e555\u200e0143",
    "isolates": "\u2066+1 206 555 0143\u2069",
    "zero width space": "206\u200b5550143",
    "non-breaking hyphens": "206\u2011555\u20110143",
    "en dashes": "206\u2013555\u20130143",
    "narrow no-break space": "(206)\u202f555-0143",
    "right-to-left marks": "\u200f+12065550143\u200f",
    "byte order mark": "206\ufeff5550143",
    "soft hyphens": "206\xad555\xad0143",
    "embedding": "\u202a+1\u202c 206 555 0143",
    "word joiner": "206\u2060555\u20600143",
    "minus sign": "206\u22125550143",
    "no-break space and hyphen": "(206)\xa0555\u20100143",
    "joiners": "206\u200d555\u200c0143",
    "between all digits": "\u200b".join("2065550143"),
    "within the country code": "+\u200e1\u200e2065550143",
    "ideographic space": "206\u3000555\u30000143",
    "variation selectors": "2\ufe0e065550143",
    "tag characters": "206\U000e00205550143",
    "wide digits": "\uff0b\uff11\uff12\uff10\uff16\uff15\uff15\uff15\uff10\uff11\uff14\uff13",
    "tabs": "206\t555\t0143",
}


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE)
def test_invisible_characters_do_not_count(text):
    assert parse_number(text) == ParsedNumber("+12065550143", "US", "geographic", "206")


@pytest.mark.parametrize(
    "country", ["GB", "gb", "44", "+44", "0044", "44.0", "United Kingdom", "UK", "Great Britain", "\u200egb "]
)
@pytest.mark.parametrize("text", ["20 7946 0143", "020 7946 0143", "442079460143", "+44 20 7946 0143", "2079460143"])
def test_a_national_number_belongs_to_the_country_of_its_row(country, text):
    assert parse_number(text, country=country) == ParsedNumber("+442079460143", "GB", "geographic", "")


@pytest.mark.parametrize("country", ["US", "1", "+1", "USA", "United States", "PR", "Canada", "+1-787", " "])
def test_a_country_of_plus_1_changes_nothing(country):
    assert parse_number("(206) 555-0143", country=country).e164 == "+12065550143"


@pytest.mark.parametrize("region", ABROAD)
def test_a_national_number_of_another_country_never_becomes_one_of_plus_1(region):
    for text in ("206 555 0143", "2065550143", "12065550143", "1 206 555 0143"):
        with contextlib.suppress(InvalidPhoneNumber):
            assert not parse_number(text, country=region).e164.startswith("+1")


def test_a_written_country_code_counts_more_than_the_country_of_the_row():
    assert parse_number("+1 206 555 0143", country="GB").e164 == "+12065550143"
    assert parse_number("001 206 555 0143", country="GB").e164 == "+12065550143"


def test_an_unknown_country_is_refused_by_name():
    assert "The country “Narnia” is not known." in get_reason("20 7946 0143", country="Narnia")
