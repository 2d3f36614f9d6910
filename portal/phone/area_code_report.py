"""Read a report of NANPA's area codes: the shipped CSV file, or one that NANPA publishes.

The shipped layout has headings such as `npa,location,country,...`, and its date is in the name of the file. NANPA's own
begins with a line `File Date,01/05/2026`, and then has headings such as `NPA_ID,type_of_code,...`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from portal.phone.numbering_plan import AreaCode, NumberingPlan

SHIPPED_DIR = Path(__file__).parent
# The names of each column, in lower case.
COLUMNS = {
    "code": ("npa", "npa_id"),
    "location": ("location",),
    "country": ("country",),
    "use": ("use",),
    "assigned": ("assigned",),
    "in_service_date": ("in_service_date", "in_service_dt"),
}
DATE_FORMATS = ("%d-%b-%Y", "%m/%d/%Y", "%Y-%m-%d")
# The plan has more area codes than this. Codes are never withdrawn, so a report with fewer is cut off.
MIN_AREA_CODES = 440

_STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY"
)
STATES = frozenset(_STATES.split())
# Territories are regions of their own. NANPA calls the Northern Mariana Islands CNMI.
TERRITORIES = {"PR": "PR", "VI": "VI", "GU": "GU", "AS": "AS", "CNMI": "MP", "MP": "MP"}
# The other countries of +1, by NANPA's names in letters only.
COUNTRIES = {
    "ANGUILLA": "AI",
    "ANTIGUABARBUDA": "AG",
    "BAHAMAS": "BS",
    "BARBADOS": "BB",
    "BERMUDA": "BM",
    "BRITISHVIRGINISLANDS": "VG",
    "CANADA": "CA",
    "CAYMANISLANDS": "KY",
    "DOMINICA": "DM",
    "DOMINICANREPUBLIC": "DO",
    "GRENADA": "GD",
    "JAMAICA": "JM",
    "MONTSERRAT": "MS",
    "SINTMAARTEN": "SX",
    "STKITTSNEVIS": "KN",
    "STLUCIA": "LC",
    "STVINCENTGRENADINES": "VC",
    "TRINIDADTOBAGO": "TT",
    "TURKSCAICOSISLANDS": "TC",
}
# What non-geographic codes are for. Others are non_geographic, such as 700 (carriers) and 710 (the government).
KINDS = {
    **dict.fromkeys(("800", "822", "833", "844", "855", "866", "877", "888"), "toll_free"),
    **dict.fromkeys(("900",), "premium"),
    **dict.fromkeys(("500", *map(str, range(521, 530)), "532", "533", "538", "544", "566", "577", "588"), "personal"),
}


class InvalidReport(ValueError):
    """The file is no report of area codes. The message says why."""


def read_shipped_report() -> NumberingPlan:
    path = max(SHIPPED_DIR.glob("nanpa-area-codes-*.csv"))
    return read_report(path.read_text(encoding="utf-8"), file_name=path.name)


def read_report(text: str, *, file_name: str = "") -> NumberingPlan:
    """Read a report in either layout. Raises InvalidReport for a file that is obviously wrong."""
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(map(str.strip, row))]
    except csv.Error as error:
        raise InvalidReport(f"It is not readable as CSV: {error}.") from error
    report_date = _find_report_date(rows, file_name)
    headings = [cell.lower() for cell in rows[0]] if rows else []
    columns = {name: _find_column(headings, names) for name, names in COLUMNS.items()}
    area_codes: dict[str, AreaCode] = {}
    for row in rows[1:]:
        cells = {name: row[index] if index < len(row) else "" for name, index in columns.items()}
        if cells["assigned"].lower() not in ("yes", "y"):
            continue
        known = _read_area_code(cells)
        if known.code in area_codes:
            raise InvalidReport(f"The area code {known.code} is there twice.")
        area_codes[known.code] = known
    if len(area_codes) < MIN_AREA_CODES:
        raise InvalidReport(
            f"It has {len(area_codes)} assigned area codes, and there are more than {MIN_AREA_CODES}. The file is cut "
            "off, or it is another report."
        )
    return NumberingPlan(report_date, area_codes)


def _find_report_date(rows: list[list[str]], file_name: str) -> date:
    """The date of a first line `File Date,...`, which is removed from `rows`, or that in the file's name."""
    if rows and rows[0][0].lower() == "file date":
        title = rows.pop(0)
        found = _read_date(title[1]) if len(title) > 1 else None
        if found is None:
            raise InvalidReport("The first line, File Date, has no date.")
        return found
    in_name = re.search(r"\d{4}-\d{2}-\d{2}", file_name)
    found = _read_date(in_name[0]) if in_name else None
    if found is None:
        raise InvalidReport(
            "It has no date. NANPA's report begins with a line such as File Date,01/05/2026. The date can also be in "
            "the name of the file, such as area-codes-2026-01-05.csv."
        )
    return found


def _find_column(headings: list[str], names: tuple[str, ...]) -> int:
    for name in names:
        if name in headings:
            return headings.index(name)
    raise InvalidReport(f"It has no column {' or '.join(name.upper() for name in names)}.")


def _read_area_code(cells: Mapping[str, str]) -> AreaCode:
    code = cells["code"]
    if not re.fullmatch(r"[2-9][0-9]{2}", code):
        raise InvalidReport(f"“{code[:20]}” is not an area code.")
    written = cells["in_service_date"]
    in_service_on = _read_date(written) if written else None
    if written and in_service_on is None:
        raise InvalidReport(f"The date of the area code {code} cannot be read: “{written[:30]}”.")
    country = re.sub(r"[^A-Z]", "", cells["country"].upper())
    if cells["use"].upper() == "N":
        region = COUNTRIES.get(country, "US")
        return AreaCode(code, region, "", KINDS.get(code, "non_geographic"), in_service_on)
    if cells["use"].upper() != "G":
        raise InvalidReport(f"The use of the area code {code} is neither G (geographic) nor N (not geographic).")
    if country in ("US", "USA", "UNITEDSTATES"):
        location = cells["location"].upper()
        state = TERRITORIES.get(location, location)
        if state not in STATES and state not in TERRITORIES.values():
            raise InvalidReport(f"The location of the area code {code} is no State: “{location[:30]}”.")
        return AreaCode(code, state if location in TERRITORIES else "US", state, "geographic", in_service_on)
    if country not in COUNTRIES:
        raise InvalidReport(f"The country of the area code {code} is not known: “{cells['country'][:30]}”.")
    return AreaCode(code, COUNTRIES[country], "", "geographic", in_service_on)


def _read_date(text: str) -> date | None:
    """Read 05-Jan-2026, 01/05/2026 (month first) or 2026-01-05, with or without a time."""
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(re.split(r"\s|T(?=\d)", text)[0], form).date()
        except ValueError:
            continue
    return None
