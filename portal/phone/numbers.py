"""Parse and format phone numbers. They are parsed by phonenumbers, stored as E.164, and shown in national format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

# 47 U.S.C. 153(58): the States, the District of Columbia, the territories and possessions.
# phonenumbers treats the territories as separate regions.
US_REGIONS = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})

E164 = PhoneNumberFormat.E164
KIND_BY_TYPE = {
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.FIXED_LINE: "geographic",
    PhoneNumberType.MOBILE: "geographic",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "geographic",
}


class InvalidPhoneNumber(ValueError):
    """The text is not a phone number that can be a caller ID. The message is for the user."""


@dataclass(frozen=True)
class ParsedNumber:
    """`e164` has a leading +. `region` is an ISO 3166 code; territories such as PR have their own. `kind` is
    geographic, toll_free, premium, personal or other. `area_code` is empty for toll-free numbers and outside +1."""

    e164: str
    region: str
    kind: str
    area_code: str


def parse_number(text: str, *, allow_letters: bool = False) -> ParsedNumber:
    """Parse one number, as written in the United States or with + and a country code.

    `allow_letters` converts vanity letters to digits: people type them, but in a file they are a mistake. Raises
    InvalidPhoneNumber for an extension, two numbers in one text, and numbers that no numbering plan assigns.
    """
    text = text.strip()
    number = _parse_nanp(text) or _parse_international(text, allow_letters=allow_letters)
    region, type_ = _region_and_type(number)
    if type_ == PhoneNumberType.UNKNOWN:  # as is_valid_number finds it
        raise InvalidPhoneNumber(
            "No such number can exist: its area code or exchange is not assigned, or digits are missing."
        )
    region = region or "001"
    kind = KIND_BY_TYPE.get(type_, "other")
    area_code = str(number.national_number)[:3] if number.country_code == 1 and kind == "geographic" else ""
    e164 = f"+1{number.national_number}" if number.country_code == 1 else phonenumbers.format_number(number, E164)
    return ParsedNumber(e164, region, kind, area_code)


def _parse_international(text: str, *, allow_letters: bool) -> phonenumbers.PhoneNumber:
    if not text:
        raise InvalidPhoneNumber("There is no number.")
    if len(text) > 60:
        raise InvalidPhoneNumber("This is too long for a phone number.")
    if not allow_letters and any(map(str.isalpha, text)):
        raise InvalidPhoneNumber("This has letters in it. Write the number in digits.")
    try:
        number = phonenumbers.parse(text, "US")
    except NumberParseException:
        raise InvalidPhoneNumber("This is not a phone number. Write it as (206) 555-0143 or +12065550143.") from None
    if number.extension:
        raise InvalidPhoneNumber(
            "This has an extension, or holds two numbers. A caller ID is one number without extension."
        )
    return number


# Parsing takes most of the time of an import and a fifth of a match request. These functions return what phonenumbers
# returns, in an eighth of the time.

_NANP_PATTERN = re.compile(r"(?:\+?1[ .-]?)?(?:\(([2-9][0-9]{2})\) ?|([2-9][0-9]{2})[ .-]?)([0-9]{3})[ .-]?([0-9]{4})")


def _parse_nanp(text: str) -> phonenumbers.PhoneNumber | None:
    """Parse ten digits as North Americans group them, with or without +1. None for anything else."""
    match = _NANP_PATTERN.fullmatch(text)
    return phonenumbers.PhoneNumber(country_code=1, national_number=int("".join(match.groups("")))) if match else None


def _region_and_type(number: phonenumbers.PhoneNumber) -> tuple[str | None, int]:
    """Return what phonenumbers.region_code_for_number and number_type return.

    Both check the patterns of the United States before other countries of +1. This checks them once.
    """
    digits = str(number.national_number)
    if number.country_code == 1 and len(digits) == 10:
        general, *types = _get_us_type_patterns()
        if general[1].fullmatch(digits):
            for type_, pattern in types:
                if pattern.fullmatch(digits):
                    return "US", type_
    return phonenumbers.region_code_for_number(number), phonenumbers.number_type(number)


def get_region_metadata(region: str) -> phonenumbers.PhoneMetadata:
    """Return the numbering plan of a region. Raises LookupError if phonenumbers has none."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise LookupError(region)
    return metadata


@cache
def _get_us_type_patterns() -> list[tuple[int, re.Pattern[str]]]:
    """The patterns of phonenumbers for the United States: the general one, then in the order of number_type."""
    known = get_region_metadata("US")
    both = PhoneNumberType.FIXED_LINE_OR_MOBILE if known.same_mobile_and_fixed_line_pattern else None
    tried = [
        (PhoneNumberType.UNKNOWN, known.general_desc),
        (PhoneNumberType.PREMIUM_RATE, known.premium_rate),
        (PhoneNumberType.TOLL_FREE, known.toll_free),
        (PhoneNumberType.SHARED_COST, known.shared_cost),
        (PhoneNumberType.VOIP, known.voip),
        (PhoneNumberType.PERSONAL_NUMBER, known.personal_number),
        (PhoneNumberType.PAGER, known.pager),
        (PhoneNumberType.UAN, known.uan),
        (PhoneNumberType.VOICEMAIL, known.voicemail),
        (both, known.fixed_line),
    ]
    return [
        (type_, re.compile(desc.national_number_pattern))
        for type_, desc in tried
        if type_ is not None and desc and desc.national_number_pattern
    ]


@lru_cache(maxsize=4096)
def format_national(e164: str) -> str:
    """Format +12065550143 as (206) 555-0143, and a number of another country with its country code."""
    if len(e164) == 12 and e164.startswith("+1"):
        return f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


@cache
def _country_names() -> dict[str, str]:
    """English names by ISO 3166 code, from the time zone database."""
    lines = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))


def country_name(region: str) -> str:
    """The English name of a country: CA is Canada. Region 001 is an international network; unknown codes stay."""
    return _country_names().get(region, "an international network" if region == "001" else region)


def get_search_digits(text: str) -> str:
    """The digits of a search text that looks like part of a number, such as `(206) 555`. Empty for other texts."""
    digits = re.sub(r"\D", "", text)
    return digits if re.fullmatch(r"[\d\s()+.\-]+", text.strip()) else ""
