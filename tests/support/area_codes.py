"""The shipped report of area codes, read without the portal's code."""

import csv
from datetime import date, datetime
from pathlib import Path

REPORT = Path(__file__).parents[2] / "portal" / "phone" / "nanpa-area-codes-2026-01-05.csv"


def read_shipped_rows() -> list[dict]:
    """The rows, with `first_day`: a date, or None for a code without one."""
    with REPORT.open(encoding="utf-8", newline="") as file:
        return [row | {"first_day": _read_date(row["in_service_date"])} for row in csv.DictReader(file)]


def _read_date(text: str) -> date | None:
    return datetime.strptime(text, "%d-%b-%Y").date() if text else None


def write_nanpa_report(rows: list[dict], *, file_date: str) -> str:
    """The rows in the layout that NANPA publishes: a date line, other headings, and rows of unassigned codes."""
    lines = [
        f"File Date,{file_date},,,",
        "NPA_ID,type_of_code,ASSIGNABLE,EXPLANATION,RESERVED,ASSIGNED,ASSIGNMENT_DT,USE,LOCATION,COUNTRY,IN_SERVICE,"
        "IN_SERVICE_DT,STATUS,TIME_ZONE",
    ]
    for row in rows:
        first_day = f"{row['first_day']:%m/%d/%Y}" if row["first_day"] else ""
        lines.append(
            f"{row['npa']},General Purpose Code,Yes,,No,Yes,01/01/1947,{row['use']},{row['location']},"
            f"{row['country']},{row['in_service']},{first_day},,{row['time_zone']}"
        )
    lines += ["211,Easily Recognizable Code,No,N11,No,No,,,,,,,,", "232,General Purpose Code,Yes,,No,No,,,,,,,,"]
    return "\r\n".join(lines) + "\r\n"
