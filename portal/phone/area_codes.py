"""The State of each area code of the United States, for matching a caller ID from the same State.

area_codes.txt is derived from the metadata of phonenumbers, which takes 70 MB of memory to load. A test fails when a
newer release of the library knows other area codes; `python -m portal.phone.area_codes` then writes the file again.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

from portal.phone.numbers import US_REGIONS, get_region_metadata

DATA_FILE = Path(__file__).with_name("area_codes.txt")


@cache
def get_states_by_area_code() -> dict[str, str]:
    """Postal abbreviation of the State by area code: 206 is WA, 787 is PR. Toll-free codes are not included."""
    return dict(line.split() for line in DATA_FILE.read_text(encoding="ascii").splitlines())


@cache
def get_area_codes_in_same_state(area_code: str) -> tuple[str, ...]:
    """The other area codes of the same State, ascending. Empty for a code without a State."""
    state = get_states_by_area_code().get(area_code)
    return tuple(
        code
        for code, other in sorted(get_states_by_area_code().items())
        if state and other == state and code != area_code
    )


def derive_states_by_area_code() -> dict[str, str]:
    """Derive the table from the metadata of phonenumbers.

    Places below an area code are described as "Seattle, WA", the code itself as "Washington State" or by its largest
    city. The abbreviation of a State's name is learned from the codes whose places contain it. A territory is a region
    of its own, and its numbers begin with its area codes.
    """
    from phonenumbers.geodata import GEOCODE_DATA

    described = {prefix: names["en"] for prefix, names in GEOCODE_DATA.items() if re.match("1[2-9]", prefix)}
    votes: dict[str, Counter[str]] = {
        code: Counter() for code in {prefix[1:4] for prefix in described} if _is_us_area_code(code)
    }
    for prefix, name in described.items():
        if prefix[1:4] in votes and (place := re.search(r"\b([A-Z])\.?([A-Z])\.?$", name)):  # TX, or D.C.
            votes[prefix[1:4]][place[1] + place[2]] += 1
    learned: dict[str, Counter[str]] = {}
    for code, counted in votes.items():
        learned.setdefault(described.get(f"1{code}", ""), Counter()).update(counted)
    found = {}
    for code, counted in votes.items():
        if counted := counted or learned[described[f"1{code}"]]:
            found[code] = counted.most_common(1)[0][0]
    for region in US_REGIONS - {"US"}:
        leading_digits = get_region_metadata(region).leading_digits or ""
        found |= dict.fromkeys(re.findall(r"\d{3}", leading_digits), region)
    return dict(sorted(found.items()))


def _is_us_area_code(area_code: str) -> bool:
    import phonenumbers

    number = phonenumbers.parse(f"+1{area_code}2345678")
    return phonenumbers.region_code_for_number(number) == "US"


if __name__ == "__main__":
    DATA_FILE.write_text(
        "".join(f"{code} {state}\n" for code, state in derive_states_by_area_code().items()), encoding="ascii"
    )
