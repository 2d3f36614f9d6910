"""Parse and format phone numbers. They are stored as E.164, and shown in national format.

For +1 the numbering plan decides which numbers exist (numbering_plan.py), for other countries phonenumbers. A number is
never invented: its digits are those that are written (written.py), with a country code before them at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from portal.phone.countries import Country, country_name, find_country
from portal.phone.current_plan import get_numbering_plan
from portal.phone.errors import InvalidPhoneNumber
from portal.phone.written import WrittenNumber, read_written_number

__all__ = ["US_REGIONS", "InvalidPhoneNumber", "ParsedNumber", "country_name", "format_national", "parse_number"]

# 47 U.S.C. 153(58): the States, the District of Columbia, the territories and possessions.
# The numbering plan and phonenumbers treat the territories as separate regions.
US_REGIONS = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})

KIND_BY_TYPE = {
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.FIXED_LINE: "geographic",
    PhoneNumberType.MOBILE: "geographic",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "geographic",
}


@dataclass(frozen=True)
class ParsedNumber:
    """`e164` has a leading +. `region` is an ISO 3166 code; territories such as PR have their own. `kind` is
    geographic, toll_free, premium, personal, non_geographic or, outside +1, other. `area_code` is empty for
    non-geographic numbers and outside +1."""

    e164: str
    region: str
    kind: str
    area_code: str


# Ten digits as North Americans group them, with or without +1: most of what is parsed.
_NANP_PATTERN = re.compile(r"(?:\+?1[ .-]?)?(?:\(([2-9][0-9]{2})\) ?|([2-9][0-9]{2})[ .-]?)([0-9]{3})[ .-]?([0-9]{4})")


def parse_number(
    text: str, *, allow_letters: bool = False, country: str = "", today: date | None = None
) -> ParsedNumber:
    """Parse one number, as written in the United States or with + and a country code.

    `allow_letters` converts vanity letters to digits: people type them, but in a file they are a mistake. `country` is
    where a number without country code belongs, if that is given elsewhere: an ISO code, a calling code or an English
    name. Area codes count from their first day in service on; `today` is the date in UTC. Raises InvalidPhoneNumber,
    with what is wrong with this text.
    """
    text, country = text.strip(), country.strip()
    match = _NANP_PATTERN.fullmatch(text)
    if match and (not country or text.startswith("+") or find_country(country).calling_code == 1):
        in_brackets, plain, exchange, line = match.groups()
        return _check_nanp(in_brackets or plain, exchange, line, today)
    written = read_written_number(text, allow_letters=allow_letters)
    if written.is_international:
        return _parse_international(written.digits, today)
    home = find_country(country) if country else None
    if home and home.calling_code != 1:
        return _parse_abroad(written.digits, home)
    return _parse_domestic(written, today)


def _check_nanp(area_code: str, exchange: str, line: str, today: date | None) -> ParsedNumber:
    known = get_numbering_plan().check_number(area_code, exchange, today)
    return ParsedNumber(
        f"+1{area_code}{exchange}{line}",
        known.region,
        known.kind,
        area_code if known.kind == "geographic" else "",
    )


def _parse_domestic(written: WrittenNumber, today: date | None) -> ParsedNumber:
    """Parse ten digits, or 1 and ten digits."""
    digits = written.digits
    if digits.startswith("0"):
        raise InvalidPhoneNumber(
            "This begins with 0, and no number of the United States does. Write a number of another country with + and "
            "its country code."
        )
    if len(digits) == 7:
        raise InvalidPhoneNumber("The area code is missing: this has seven digits, and a number has ten.")
    if len(digits) == 10 + digits.startswith("1") and written.splits_area_code:
        raise InvalidPhoneNumber(
            "This is not grouped as a number of the United States, such as (206) 555-0143. Write a number of another "
            "country with + and its country code."
        )
    return _parse_ten_digits(digits[1:] if digits.startswith("1") else digits, today)


def _parse_ten_digits(digits: str, today: date | None) -> ParsedNumber:
    if len(digits) < 10:
        raise InvalidPhoneNumber(
            f"Digits are missing: a number of the United States has ten, without +1, and this has {len(digits)}."
        )
    if len(digits) >= 20:
        raise InvalidPhoneNumber(f"This has {len(digits)} digits: too many, or two numbers. Write one number.")
    if len(digits) > 10:
        raise InvalidPhoneNumber(
            f"There are too many digits: a number of the United States has ten, without +1, and this has {len(digits)}."
            " Write a number of another country with + and its country code."
        )
    return _check_nanp(digits[:3], digits[3:6], digits[6:], today)


def _parse_international(digits: str, today: date | None) -> ParsedNumber:
    """Parse digits that begin with a country code."""
    if digits.startswith("1"):
        return _parse_ten_digits(digits[1:], today)
    if digits.startswith("0"):
        raise InvalidPhoneNumber("This has a 0 where a country code begins, and no country code begins with 0.")
    try:
        number = phonenumbers.parse(f"+{digits}")
    except NumberParseException:
        raise InvalidPhoneNumber(_describe_length(digits)) from None
    return _build_abroad(number, (digits,), f"+{number.country_code}")


def _parse_abroad(digits: str, home: Country) -> ParsedNumber:
    """Parse a number of `home`, with its national prefix, its country code, or neither."""
    try:
        number = phonenumbers.parse(digits, home.region)
    except NumberParseException:
        raise InvalidPhoneNumber(_describe_length(digits)) from None
    code = str(home.calling_code)
    prefix = phonenumbers.ndd_prefix_for_region(home.region, True) or ""
    allowed = [digits, code + digits]
    if prefix and digits.startswith(prefix):
        allowed.append(code + digits[len(prefix) :])
    return _build_abroad(number, tuple(text for text in allowed if text.startswith(code)), country_name(home.region))


def _build_abroad(number: phonenumbers.PhoneNumber, allowed: tuple[str, ...], place: str) -> ParsedNumber:
    """Return the number if it is assigned and its digits are among `allowed`: phonenumbers drops zeros and prefixes."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if e164[1:] not in allowed:
        raise InvalidPhoneNumber(
            f"This cannot be read with certainty as a number of {place}: it has a prefix that does not belong behind "
            "the country code."
        )
    type_ = phonenumbers.number_type(number)
    if type_ == PhoneNumberType.UNKNOWN:  # as is_valid_number finds it
        raise InvalidPhoneNumber(
            f"There is no such number in {place}: its first digits are not assigned, or it has too few or too many."
        )
    region = phonenumbers.region_code_for_number(number) or "001"
    return ParsedNumber(e164, region, KIND_BY_TYPE.get(type_, "other"), "")


def _describe_length(digits: str) -> str:
    if len(digits) > 15:
        return f"There are too many digits: a number has at most 15, and this has {len(digits)}."
    return "This is not a phone number: its first digits are no country code, or it has too few."


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
