"""Countries: their English names, and what a column of countries may call them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import phonenumbers

from portal.phone.errors import InvalidPhoneNumber
from portal.phone.written import remove_invisible

# Names that differ from those of the time zone database, and other common names, in lower-case letters.
_NAMES = {"GB": "United Kingdom"}
_OTHER_NAMES = {
    "usa": "US",
    "unitedstatesofamerica": "US",
    "america": "US",
    "can": "CA",
    "mex": "MX",
    "gbr": "GB",
    "uk": "GB",
    "britain": "GB",
    "britainuk": "GB",
    "greatbritain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northernireland": "GB",
    "irl": "IE",
    "deu": "DE",
    "fra": "FR",
    "esp": "ES",
    "ita": "IT",
    "nld": "NL",
    "holland": "NL",
    "aus": "AU",
    "nzl": "NZ",
    "ind": "IN",
    "phl": "PH",
    "southkorea": "KR",
    "czechia": "CZ",
    "pri": "PR",
    "vir": "VI",
    "gum": "GU",
    "asm": "AS",
    "mnp": "MP",
    "usvirginislands": "VI",
}


@dataclass(frozen=True, slots=True)
class Country:
    """`region` is an ISO 3166 code, or 001 for an international network."""

    region: str
    calling_code: int


@cache
def _names() -> dict[str, str]:
    """English names by ISO 3166 code, from the time zone database."""
    lines = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#")) | _NAMES


def country_name(region: str) -> str:
    """The English name of a country: CA is Canada. Region 001 is an international network; unknown codes stay."""
    return _names().get(region, "an international network" if region == "001" else region)


@cache
def _region_by_name() -> dict[str, str]:
    named = {_letters(name): region for region, name in _names().items()}
    return named | {region.lower(): region for region in _names()} | _OTHER_NAMES


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.casefold()))


@lru_cache(maxsize=1024)
def find_country(text: str) -> Country:
    """Find a country by ISO code (GB), calling code (44 or +44) or English name. Raises InvalidPhoneNumber."""
    text = remove_invisible(text)
    region = _region_by_name().get(_letters(text))
    if region is None and (code := re.fullmatch(r"(?:\+|00)?\s*(\d{1,3})(?:\.0+)?", text)):
        calling_code = int(code[1])
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(calling_code)
        if regions:
            return Country(regions[0], calling_code)
    if region is None and re.fullmatch(r"\+?1[ -]?\d{3}", text):  # Puerto Rico is also +1-787
        return Country("US", 1)
    calling_code = phonenumbers.country_code_for_region(region) if region else 0
    if not region or not calling_code:
        raise InvalidPhoneNumber(f"The country “{text[:30]}” is not known. Write GB, +44 or United Kingdom.")
    return Country(region, calling_code)
