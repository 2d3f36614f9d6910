"""Read the digits that a text writes: without invisible characters, punctuation and prefixes, and nothing added.

What cannot be read with certainty is refused, with what is wrong with this text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import accumulate

import phonenumbers

from portal.phone.errors import InvalidPhoneNumber

MAX_LENGTH = 60
NOT_A_NUMBER = "This is not a phone number. Write it as (206) 555-0143 or +12065550143."

# Characters that no category tells: a minus sign, and wide or mathematical forms of the punctuation of numbers.
_PUNCTUATION = str.maketrans("−⁃ー⁓∼～＋（）．／［］", "---~~~+()./[]")
# Invisible, but of categories with visible characters: the grapheme joiner, fillers, a blank.
_INVISIBLE_OTHERS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")

_EXPONENT = re.compile(r"\+?(\d)(?:[.,](\d+))?E\+?0*(\d{1,2})", re.IGNORECASE | re.ASCII)
_DECIMAL = re.compile(r"(\+?\d+)[.,](\d+)", re.ASCII)
# Groups of three from the right: 2,065,550,143.
_THOUSANDS = re.compile(r"\d{1,3}([.,])\d{3}(?:\1\d{3})+", re.ASCII)
_EXTENSION = re.compile(
    r"(?<![A-Z])(?:;?\s*ext(?:n|ension)?[.:=]?|x\.?|#|[,;]+|anexo|poste)\s*(\d{1,8})\s*", re.IGNORECASE | re.ASCII
)
_SCHEME = re.compile(r"(?:tel|phone|telephone|mobile|cell|call)\b[.:]*\s*(?=[\d+(])", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,;|&/]|\bor\b|\band\b", re.IGNORECASE)
_ALLOWED = re.compile(r"[\d\s()\[\]./~-]+", re.ASCII)
_TRUNK_ZERO = re.compile(r"(\(?\s*\d[\d\s.-]*\)?[\s.-]*)\(\s*0\s*\)(.*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """The digits of a text, and how many are in each group. If the number is international, the digits begin with a
    country code; a prefix such as 011 is gone."""

    digits: str
    is_international: bool
    groups: tuple[int, ...] = ()

    @property
    def splits_area_code(self) -> bool:
        """Whether a gap is within the first three digits, or within those after 1: 20 7946 0143 is not American."""
        start = len(self.digits) - 10
        ends = set(accumulate(self.groups))
        return bool(ends & {start + 1, start + 2}) and set(self.groups) != {1}


def remove_invisible(text: str) -> str:
    """Return the text as a person sees it: format characters are removed, and every space, dash and digit is ASCII."""
    if text.isascii():
        return " ".join(text.split())
    return " ".join("".join(map(_normalize_character, text.translate(_PUNCTUATION))).split())


def _normalize_character(character: str) -> str:
    if character.isascii():
        return character
    category = unicodedata.category(character)
    if category == "Cf" or character in _INVISIBLE_OTHERS or "VARIATION SELECTOR" in unicodedata.name(character, ""):
        return ""
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category == "Pd":
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return character


def expand_spreadsheet_number(text: str) -> str:
    """Expand a number that a spreadsheet wrote: 1.2065550143E10, 12065550143.0 and 12,065,550,143 are 12065550143.

    Returns other texts as they are. Raises InvalidPhoneNumber if digits are lost, or if there is a fraction.
    """
    if _THOUSANDS.fullmatch(text):
        return re.sub(r"\D", "", text)
    if exponent := _EXPONENT.fullmatch(text):
        first, fraction, power = exponent[1], exponent[2] or "", int(exponent[3])
        if len(fraction) < power:
            raise InvalidPhoneNumber(
                f"A spreadsheet shortened this number: of {power + 1} digits, {len(fraction) + 1} are left. Make the "
                "column text first."
            )
        whole, rest = first + fraction[:power], fraction[power:]
    elif decimal := _DECIMAL.fullmatch(text):
        whole, rest = decimal[1], decimal[2]
        # Points also group digits: 206.5550143 and 206555.0143 are no fractions.
        if "." in text and len(rest) in (4, 7) and rest.strip("0"):
            return text
    else:
        return text
    if rest.strip("0"):
        raise InvalidPhoneNumber("This is a decimal number. A phone number has no fraction.")
    return ("+" if text.startswith("+") and not whole.startswith("+") else "") + whole


def split_extension(text: str) -> tuple[str, str]:
    """Split `(206) 555-0143 ext. 12` into the number and the digits of the extension, empty if there is none."""
    for found in _EXTENSION.finditer(text):
        if found.end() == len(text) and len(re.sub(r"\D", "", text[: found.start()])) >= 7:
            return text[: found.start()].strip(), found[1]
    return text, ""


def read_written_number(text: str, *, allow_letters: bool = False) -> WrittenNumber:
    """Read the digits of one number. `allow_letters` maps vanity letters to digits. Raises InvalidPhoneNumber."""
    text = _SCHEME.sub("", remove_invisible(text).strip("\"'` "), count=1)
    text = re.sub(r"[\s.,;:]+$", "", text)
    if not text:
        raise InvalidPhoneNumber("There is no number.")
    text = expand_spreadsheet_number(text)
    _reject_several(text)
    number, extension = split_extension(text)
    if extension:
        raise InvalidPhoneNumber(f"This has an extension, {extension}. A caller ID is a number without extension.")
    if len(number) > MAX_LENGTH:
        raise InvalidPhoneNumber("This is too long for a phone number.")
    number = _map_letters(number, allow_letters=allow_letters)
    has_plus = bool(re.match(r"\(?\s*\+", number))
    number = number.replace("+", "", 1) if has_plus else number
    if odd := next((character for character in number if not _ALLOWED.fullmatch(character)), ""):
        raise InvalidPhoneNumber(f"This has a character in it that is not part of a phone number: “{odd}”.")
    return _read_prefix(number, has_plus=has_plus)


def _reject_several(text: str) -> None:
    parts = [re.sub(r"\D", "", part) for part in _SEPARATORS.split(text)]
    is_several = sum(len(part) >= 7 for part in parts) > 1 and sum(map(len, parts)) > 14  # 011 1 206/555-0143 is one
    if is_several or text.count("+") > 1:
        raise InvalidPhoneNumber("This holds two numbers or more. Write one number.")


def _map_letters(text: str, *, allow_letters: bool) -> str:
    """Map vanity letters to digits. They follow digits, as in 1-800-FLOWERS, and are not placeholders such as XXXX."""
    letters = "".join(filter(str.isalpha, text))
    if not letters:
        return text
    if not allow_letters:
        raise InvalidPhoneNumber("This has letters in it. Write the number in digits.")
    before = text[: text.index(letters[0])]
    if not letters.isascii() or len(re.sub(r"\D", "", before)) < 3:
        raise InvalidPhoneNumber(NOT_A_NUMBER)
    if set(letters.upper()) == {"X"}:
        raise InvalidPhoneNumber("This has X in the place of digits. Write the whole number.")
    return phonenumbers.convert_alpha_characters_in_number(text)


def _read_prefix(text: str, *, has_plus: bool) -> WrittenNumber:
    """Remove an international prefix, 00 or 011, and `(0)` after the country code."""
    digits = re.sub(r"\D", "", text)
    if not digits:
        raise InvalidPhoneNumber(NOT_A_NUMBER)
    prefix = ""
    if not has_plus and digits.startswith(("00", "011")):
        prefix = "00" if digits.startswith("00") else "011"
    if not has_plus and not prefix:
        groups = tuple(map(len, re.findall(r"\d+", text)))
        return WrittenNumber(digits, is_international=False, groups=groups)
    if trunk := _TRUNK_ZERO.fullmatch(text):
        country_code = re.sub(r"\D", "", trunk[1])[len(prefix) :]
        if country_code.isdigit() and int(country_code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            digits = prefix + country_code + re.sub(r"\D", "", trunk[2])
    return WrittenNumber(digits[len(prefix) :], is_international=True)
