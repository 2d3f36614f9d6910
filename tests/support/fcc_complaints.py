"""Complaints as the FCC publishes them."""

from __future__ import annotations

from datetime import date
from typing import Any

SPOOFED = "My own number is being spoofed"


def write_number(e164: str) -> str:
    """+12065550143 as 206-555-0143."""
    return f"{e164[2:5]}-{e164[5:8]}-{e164[8:]}"


def make_complaint(e164: str, day: date | None, **values: Any) -> dict[str, Any]:
    """A row about the number. Values that are None are absent, as in the data."""
    row = {
        "caller_id_number": write_number(e164),
        "issue_date": f"{day:%Y-%m-%d}T00:00:00.000" if day else None,
        "issue": "Unwanted Calls",
        "type_of_call_or_messge": "Prerecorded Voice",
        "state": "WA",
    }
    return {key: value for key, value in (row | values).items() if value is not None}
