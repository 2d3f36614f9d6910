"""Which State each area code of the United States belongs to, so that an overlay or a neighbour can stand in for it.

The table is derived from phonenumbers' own metadata (`derive`) and kept in area_codes.txt, because reading that
metadata costs a process some 70 MB; a test says when a newer release of the library knows more, and
`python -m portal.area_codes` writes the file anew.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

from portal.phone.numbers import US_REGIONS

DATA_FILE = Path(__file__).with_name("area_codes.txt")


@cache
def get_states_by_area_code() -> dict[str, str]:
    """Area code to State, as the post abbreviates it: 206 to WA, 787 to PR. Toll-free codes have none."""
    return dict(line.split() for line in DATA_FILE.read_text(encoding="ascii").splitlines())


@cache
def get_area_codes_in_same_state(area_code: str) -> tuple[str, ...]:
    """The other area codes of the same State, ascending; none for a code that belongs to no State."""
    state = get_states_by_area_code().get(area_code)
    return tuple(
        code
        for code, other in sorted(get_states_by_area_code().items())
        if state and other == state and code != area_code
    )


def derive_states_by_area_code() -> dict[str, str]:
    """The table from phonenumbers' metadata: places are described as "Seattle, WA" below an area code, and the code
    itself as "Washington State" or by its largest city. Which abbreviation a State's name has is learnt from the codes
    whose places say it. A territory is a region of its own there, and its codes are what its numbers begin with."""
    import phonenumbers
    from phonenumbers.geodata import GEOCODE_DATA

    described = {prefix: words["en"] for prefix, words in GEOCODE_DATA.items() if re.match("1[2-9]", prefix)}
    votes = {code: Counter() for code in {prefix[1:4] for prefix in described} if _is_us_area_code(code)}
    for prefix, words in described.items():
        if prefix[1:4] in votes and (place := re.search(r"\b([A-Z])\.?([A-Z])\.?$", words)):  # TX, or D.C.
            votes[prefix[1:4]][place[1] + place[2]] += 1
    learnt: dict[str, Counter[str]] = {}
    for code, counted in votes.items():
        learnt.setdefault(described.get(f"1{code}", ""), Counter()).update(counted)
    found = {}
    for code, counted in votes.items():
        if counted := counted or learnt[described[f"1{code}"]]:
            found[code] = counted.most_common(1)[0][0]
    for region in US_REGIONS - {"US"}:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        found |= dict.fromkeys(re.findall(r"\d{3}", metadata.leading_digits), region)
    return dict(sorted(found.items()))


def _is_us_area_code(area_code: str) -> bool:
    import phonenumbers

    number = phonenumbers.parse(f"+1{area_code}2345678")
    return phonenumbers.region_code_for_number(number) == "US"


if __name__ == "__main__":
    DATA_FILE.write_text(
        "".join(f"{code} {state}\n" for code, state in derive_states_by_area_code().items()), encoding="ascii"
    )
