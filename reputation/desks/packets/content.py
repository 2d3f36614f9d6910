"""What goes into a packet: the business, its numbers, their labels and calls. And the packet itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portal.files.csv_export import csv_lines
from portal.phone.numbers import format_national
from portal.text import pluralize

# Upper ends of the bands of calls per month. The last band has none.
MONTHLY_BANDS = (1_000, 10_000, 100_000, 1_000_000)
BUSINESS_DAYS_A_MONTH = 21


class Field(NamedTuple):
    """A field of the desk's form. `note` says where the value comes from, and is not part of it."""

    name: str
    value: str
    note: str = ""


class Missing(NamedTuple):
    """Something that the desk asks for and the portal does not know, and the page where it is completed.

    Without a URL name it is completed in the text of the packet.
    """

    what: str
    why: str
    link: str = ""
    url_name: str = ""
    pk: int | None = None


@dataclass(frozen=True)
class Business:
    """The enrollment, as people read it. A field that was not filled in is empty."""

    legal_name: str = ""
    trade_name: str = ""
    website: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    zip_code: str = ""
    use_case: str = ""
    use_case_details: str = ""
    calls_per_day: int = 0
    number_count: int = 0
    phone_company: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    contact_email: str = ""
    calls_for_others: bool = False
    consent: tuple[str, ...] = ()  # sentences about the practices that the enrollment answers with Yes

    @property
    def name(self) -> str:
        known_as = self.trade_name if self.trade_name != self.legal_name else ""
        return f"{self.legal_name} ({known_as})" if known_as else self.legal_name


@dataclass(frozen=True)
class SeenLabel:
    """A label as it was seen. `carrier` is empty if it was not seen on one carrier only."""

    text: str
    engine: str
    carrier: str
    first_seen: datetime
    last_seen: datetime | None
    evidence: str

    @property
    def where(self) -> str:
        return f"{self.carrier} ({self.engine})" if self.carrier else self.engine


@dataclass(frozen=True)
class BlockedCall:
    """A call that did not arrive: the called number and when."""

    called: str
    at: datetime


@dataclass(frozen=True)
class PacketNumber:
    """A number of the packet. `calls` counts those of the last 30 days; None if no dialer asks the portal."""

    pk: int
    e164: str
    labels: tuple[SeenLabel, ...] = ()
    calls: int | None = None
    test_calls: int = 0  # that showed a label
    photos: int = 0
    blocked_call: BlockedCall | None = None

    @property
    def ten_digits(self) -> str:
        return self.e164.removeprefix("+1")

    @property
    def national(self) -> str:
        return format_national(self.e164)


@dataclass(frozen=True)
class Source:
    """All that a packet is built from. `purpose` names the calls for which the numbers are used."""

    desk: str
    business: Business
    purpose: str
    numbers: tuple[PacketNumber, ...]
    zone: ZoneInfo
    today: date

    def file_name(self, kind: str) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.desk} {self.purpose}".lower()).strip("-")
        return f"{words[:60]}-{kind}-{self.today}.csv"

    def day(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local.day} {local:%b %Y}"

    def time(self, at: datetime) -> str:
        return f"{self.day(at)}, {at.astimezone(self.zone):%H:%M:%S %Z}"


@dataclass(frozen=True)
class NumberFields:
    """The fields for one number, for a desk that takes one at a time."""

    number: PacketNumber
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Packet:
    """What is sent to a desk. The page names what is missing first. `mailbox` receives the desk's answers."""

    fields: list[Field]
    text: str
    file_name: str = ""
    file_content: str = ""
    missing: tuple[Missing, ...] = ()
    one_by_one: tuple[NumberFields, ...] = ()
    mailbox: str = ""


def build_csv(rows: Iterable[Sequence[str]]) -> str:
    """Cells are safe in a spreadsheet. Without a byte order mark, since forms read the file, not Excel."""
    return "".join(csv_lines(rows)).removeprefix("\ufeff")


def get_band(calls: int) -> str:
    """The band of a number of calls per month."""
    low = 1
    for high in MONTHLY_BANDS:
        if calls <= high:
            return f"{low:,} to {high:,}"
        low = high + 1
    return f"more than {MONTHLY_BANDS[-1]:,}"


def describe_volume(source: Source) -> Field:
    """Calls per month as a band: those that dialers asked the portal about, else what the enrollment declares."""
    counted = [number.calls for number in source.numbers if number.calls is not None]
    if counted:
        calls = sum(counted)
        return Field(
            "Calls per month", get_band(calls), f"{pluralize(calls, 'call')} of these numbers in the last 30 days."
        )
    per_day = source.business.calls_per_day
    if not per_day:
        return Field("Calls per month", "")
    note = f"The enrollment declares {per_day:,} on a business day, from all numbers."
    return Field("Calls per month", get_band(per_day * BUSINESS_DAYS_A_MONTH), note)


def describe_label(source: Source, label: SeenLabel) -> str:
    """“Scam Likely” on T-Mobile (First Orion), first seen 20 Nov 2026, last seen 26 Nov 2026, seen on a telephone."""
    seen = f"first seen {source.day(label.first_seen)}"
    if label.last_seen and source.day(label.last_seen) != source.day(label.first_seen):
        seen += f", last seen {source.day(label.last_seen)}"
    return f"“{label.text or 'Spam'}” on {label.where}, {seen} ({label.evidence.lower()})"


def describe_proof(number: PacketNumber) -> str:
    """What proves the labels: 2 test calls and 1 photo. Empty without any."""
    parts = [
        pluralize(count, noun) for count, noun in ((number.test_calls, "test call"), (number.photos, "photo")) if count
    ]
    return " and ".join(parts)


def describe_number(source: Source, number: PacketNumber) -> str:
    """The labels of the number, what proves them, and how much it calls."""
    labels = "; ".join(describe_label(source, label) for label in number.labels) or "not known"
    proof = describe_proof(number)
    calls = "" if number.calls is None else f" {pluralize(number.calls, 'call')} in the last 30 days."
    return f"{labels}.{f' Proof: {proof}.' if proof else ''}{calls}"
