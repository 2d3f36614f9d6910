"""Rows of the FTC's complaint files: their columns, and what a row says.

A row that cannot be trusted is skipped with the reason, because a complaint counts against a number. That is a row with
bytes that could not be read, with cells that are shifted, or with a date that has two meanings.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, country_name, parse_number
from reputation.service_clock import days

COLUMNS = (
    "Company_Phone_Number",
    "Created_Date",
    "Violation_Date",
    "Consumer_City",
    "Consumer_State",
    "Consumer_Area_Code",
    "Subject",
    "Recorded_Message_Or_Robocall",
)
ROBOCALL_ANSWERS = {"": None, "y": True, "yes": True, "n": False, "no": False}
# What the cells of a row look like in their columns. City and subject are any text.
EXPECTED_CELLS = {
    "Violation_Date": re.compile(r"|.*\d.*"),
    "Consumer_State": re.compile(r"\D*"),
    "Consumer_Area_Code": re.compile(r"|\d{1,3}(\.0)?"),
    "Subject": re.compile(r"(?![yn]$|\d{1,3}$).*", re.IGNORECASE | re.DOTALL),
    "Recorded_Message_Or_Robocall": re.compile("|".join(ROBOCALL_ANSWERS), re.IGNORECASE),
}
# A date as spreadsheets write it, with or without a time: 11/20/2026 8:15, 20.11.2026, 11/20/26 8:15 PM.
SPREADSHEET_DATE = re.compile(
    r"(?P<first>\d{1,2}|\d{4})(?P<mark>[/.\-])(?P<second>\d{1,2})(?P=mark)(?P<third>\d{1,2}|\d{4})"
    r"(?:[ ,T]+(?P<time>\d{1,2}:\d{2}(?::\d{2})?(?: ?[AP]M)?))?",
    re.IGNORECASE,
)
TIME_FORMATS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
NAMED_MONTH_FORMATS = ("%d-%b-%Y", "%d %b %Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")


class RowSkipped(Exception):
    """The row is no complaint that counts. `detail` is the text that caused it, if it helps to find it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


def parse_row(cells: Sequence[str], *, now: datetime) -> dict[str, Any]:
    """Return the columns of a Complaint from the cells of COLUMNS. Raises RowSkipped."""
    number, created, violated, city, state, area_code, subject, robocall = cells
    if not number:
        raise RowSkipped("without a number")
    _check_alignment(cells)
    e164 = parse_us_number(number, now.date())
    created_at = parse_time(created)
    if created_at > now + timedelta(days=1):
        raise RowSkipped("dated in the future", created)
    age_days = max((now - created_at) / timedelta(days=1), 0)
    return {
        "e164": e164,
        "created_at": created_at,
        "counts_from": now - days(age_days),
        "violated_at": _parse_optional_time(violated),
        "city": city[:80],
        "state": state[:40],
        "area_code": area_code.removesuffix(".0")[:10],
        "subject": " ".join(subject.split())[:200],
        "is_robocall": ROBOCALL_ANSWERS[robocall.lower()],
    }


def get_fingerprint(complaint: Mapping[str, Any]) -> uuid.UUID:
    """Return the hash by which a complaint is recognised in another file.

    It is made of what a spreadsheet keeps when it saves the file: the time to the minute, because seconds get lost, and
    without the time of the call, which may have two meanings afterwards. Equal complaints of one file are told apart by
    `Complaint.occurrence`.
    """
    robocall = {True: "Y", False: "N", None: ""}[complaint["is_robocall"]]
    created = complaint["created_at"].astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    places = [complaint[name] for name in ("city", "state", "area_code", "subject")]
    parts = "\x1f".join([complaint["e164"], created, *places, robocall])
    return uuid.UUID(bytes=hashlib.blake2b(parts.encode(), digest_size=16).digest())


def _check_alignment(cells: Sequence[str]) -> None:
    """Refuse a row whose cells are in other columns than their own. Its number may be somebody else's."""
    for column, cell in zip(COLUMNS, cells, strict=True):
        expected = EXPECTED_CELLS.get(column)
        if expected and not expected.fullmatch(cell):
            raise RowSkipped("with cells that are not in their columns", f"{column}: {cell[:40]}")


def parse_us_number(text: str, today: date) -> str:
    """Return the number as E.164. Raises RowSkipped if it is no number of the United States."""
    try:
        parsed = parse_number(text, today=today)
    except InvalidPhoneNumber as error:
        raise RowSkipped(str(error), text[:40]) from None
    if parsed.region not in US_REGIONS:
        raise RowSkipped(f"This is a number of {country_name(parsed.region)}, not of the United States.", text[:40])
    return parsed.e164


def parse_time(text: str) -> datetime:
    """Parse 2026-11-20 13:05:22, or a spreadsheet's date that has one meaning. Raises RowSkipped.

    The files have no time zone; UTC is precise enough for a window of days.
    """
    try:
        written = datetime.fromisoformat(text)
        return written.astimezone(UTC) if written.tzinfo else written.replace(tzinfo=UTC)
    except ValueError:
        pass
    meanings = _read_spreadsheet_date(text)
    if len(meanings) > 1:
        raise RowSkipped("with a date that may be month/day or day/month", text[:40])
    if not meanings:
        raise RowSkipped("without a date that can be read", text[:40])
    return meanings.pop()


def _parse_optional_time(text: str) -> datetime | None:
    """The time of the call; None if it is left out or has two meanings, because nothing is counted by it."""
    try:
        return parse_time(text)
    except RowSkipped:
        return None


def _read_spreadsheet_date(text: str) -> set[datetime]:
    """Every time that the text may mean: none, one, or two where day and month can be exchanged."""
    if match := SPREADSHEET_DATE.fullmatch(text):
        first, second, third = (match[name] for name in ("first", "second", "third"))
        orders = [(first, second, third), (third, first, second), (third, second, first)]
        return {time for order in orders if (time := _build_time(*order, match["time"] or "0:00"))}
    for date_format in NAMED_MONTH_FORMATS:
        try:
            return {datetime.strptime(text, date_format).replace(tzinfo=UTC)}
        except ValueError:
            continue
    return set()


def _build_time(year: str, month: str, day: str, time: str) -> datetime | None:
    """The time with these parts; None if there is no such time. A year has two digits or four."""
    if len(year) == 1 or len(day) > 2:
        return None
    full_year = int(year) + 2000 if len(year) == 2 else int(year)
    clock = " ".join(re.split(r" ?(?=[AP]M)", time.upper()))
    for time_format in TIME_FORMATS:
        try:
            parsed = datetime.strptime(clock, time_format).replace(tzinfo=UTC)
            return parsed.replace(year=full_year, month=int(month), day=int(day))
        except ValueError:
            continue
    return None
