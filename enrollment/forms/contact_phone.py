"""The contact person's phone number. Unlike a caller ID it may have an extension.

It is stored as E.164, with the extension as RFC 3966 writes it: +12065550143;ext=12.
"""

from __future__ import annotations

import re

from portal.phone.numbers import format_national, parse_number

# x12, ext. 12, extension 12, #12 or ;ext=12 behind the number. Behind a letter, an x may belong to a vanity number.
EXTENSION_PATTERN = re.compile(
    r"(?P<number>.*[\d\s,;)])(?:ext(?:ensio)?n?|x|\#)[.:=\s]*(?P<extension>\d{1,7})", re.IGNORECASE
)
MARK = ";ext="


def read_contact_phone(text: str) -> str:
    """Return the number in the form that is stored. Raises InvalidPhoneNumber."""
    match = EXTENSION_PATTERN.fullmatch(text.strip())
    if match is None:
        return parse_number(text, allow_letters=True).e164
    number = parse_number(match["number"].rstrip(" ,;"), allow_letters=True)
    return f"{number.e164}{MARK}{match['extension']}"


def format_contact_phone(stored: str) -> str:
    """Format it for people: (206) 555-0143 ext. 12."""
    e164, _, extension = stored.partition(MARK)
    return f"{format_national(e164)} ext. {extension}" if extension else format_national(e164)
