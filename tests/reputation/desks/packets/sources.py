"""Sources of packets: a business with two numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from reputation.desks.packets.content import Business, PacketNumber, SeenLabel, Source

BUSINESS = Business(
    legal_name="Cascade Solar LLC",
    trade_name="Cascade Solar",
    website="https://www.cascadesolar.example",
    street="1200 Fifth Avenue, Suite 500",
    city="Seattle",
    state="Washington",
    zip_code="98101",
    use_case="Appointment reminders",
    use_case_details="We confirm the visits that home owners booked on our site.",
    calls_per_day=1_500,
    number_count=40,
    phone_company="Example Telecom",
    contact_name="Dana Reyes",
    contact_phone="(206) 555-0143",
    contact_email="dana@cascadesolar.example",
    consent=("We keep a do-not-call list of our own and check it before each call.",),
)
SCAM_LIKELY = SeenLabel(
    text="Scam Likely",
    engine="First Orion",
    carrier="T-Mobile",
    first_seen=datetime(2026, 11, 20, 20, 0, tzinfo=UTC),
    last_seen=datetime(2026, 11, 26, 20, 0, tzinfo=UTC),
    evidence="Seen on a telephone",
)
FIRST = PacketNumber(
    pk=1, e164="+12065550143", labels=(SCAM_LIKELY,), calls=1_204, test_calls=2, photos=1, blocked_call=None
)
SECOND = PacketNumber(pk=2, e164="+12065550178", labels=(replace(SCAM_LIKELY, text="Spam", last_seen=None),), calls=80)


def make_source(*numbers: PacketNumber, **changed: Any) -> Source:
    """Business fields may be changed by keyword."""
    return Source(
        desk="Example desk",
        business=replace(BUSINESS, **changed),
        purpose="Appointment reminders: Spring renewals",
        numbers=numbers or (FIRST, SECOND),
        zone=ZoneInfo("America/Los_Angeles"),
        today=date(2026, 11, 27),
    )
