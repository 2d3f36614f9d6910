"""Consumers' complaints to the FTC: taking its public files in, and what they say about a number.

The Federal Trade Commission publishes *Do Not Call Reported Calls* each weekday, as CSV with eight columns
(https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data). The claims are unverified, and a
number can be spoofed. Complaints belong to no account: whoever monitors the number sees them.

The window in which complaints count (settings.COMPLAINTS_WINDOW_DAYS) is one of real days from Created_Date. Where the
service's day is shorter, in the demo, a complaint that was three days old when its file was taken in is three of the
short days old, and ages from there on: so real files show their whole course there, too. In production both are equal.
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from portal.db.bulk import insert_rows
from portal.jobs.runner import PAUSE_SECONDS
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, parse_number
from reputation.models import Complaint, ComplaintFile, PhoneNumber
from reputation.models.complaints import ComplaintQuerySet
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
CHUNK = 2_000


class UnreadableFile(Exception):
    """The file is not what the FTC publishes; the message says what is wrong. Nothing of it was taken in."""


@dataclass
class LoadResult:
    """What came of a file: its rows, those taken in, and those left out by reason (in words)."""

    name: str
    again: bool = False
    rows: int = 0
    taken: int = 0
    known: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    looked_up: int = 0


# Taking files in ------------------------------------------------------------------------------------------------------


def load_file(path: Path, *, now: datetime) -> LoadResult:
    """Takes a file in, and has the monitored numbers that are complained about enough looked up at once.

    Twice without harm: a file that was taken in before (known by its content) changes nothing. Rows carry no id, so
    equal rows *within* a file are as many complaints; a row that is also in another file, as in the FTC's overlapping
    and corrected ones, counts once: of a row that one file has twice and another three times, there are three.
    The file is read through before anything is written; raises UnreadableFile. Memory does not hold the file, only
    sixteen bytes of each row.
    """
    try:
        with path.open("rb") as file:
            return _load_open_file(file, path.name, now)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {error.strerror}.") from error


def _load_open_file(file: BinaryIO, name: str, now: datetime) -> LoadResult:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if ComplaintFile.objects.filter(sha256=sha256, done_at__isnull=False).exists():
        return LoadResult(name, again=True)
    for _ in _read_rows(file, name):
        pass  # so that a file that cannot be read to its end leaves nothing behind
    known_file, _ = ComplaintFile.objects.get_or_create(sha256=sha256, defaults={"name": name[:200], "begun_at": now})
    taken = LoadResult(name)
    chunk: list[dict[str, object]] = []
    seen: Counter[bytes] = Counter()
    for cells in _read_rows(file, name):
        taken.rows += 1
        complaint = _parse_row(cells, now=now)
        if isinstance(complaint, str):
            taken.left_out[complaint] += 1
            continue
        fingerprint = hashlib.blake2b("\x1f".join(cells).encode(), digest_size=16).digest()
        occurrence = seen[fingerprint]
        seen[fingerprint] += 1
        identity = {"file_id": known_file.pk, "fingerprint": uuid.UUID(bytes=fingerprint), "occurrence": occurrence}
        chunk.append(complaint | identity)
        if len(chunk) >= CHUNK:
            _insert_chunk(chunk, taken)
    _insert_chunk(chunk, taken)
    with transaction.atomic():
        # Counted from the table, since a run that was killed half-way took some of them in before.
        taken.taken = known_file.complaints.count()
        taken.known = taken.rows - taken.taken - taken.left_out.total()
        ComplaintFile.objects.filter(pk=known_file.pk).update(done_at=now, rows=taken.rows, taken=taken.taken)
        taken.looked_up = _schedule_lookups(known_file, now)
    return taken


def _insert_chunk(chunk: list[dict[str, object]], taken: LoadResult) -> None:
    insert_rows(Complaint, chunk, ignore_conflicts=True)
    chunk.clear()
    time.sleep(PAUSE_SECONDS)


def _schedule_lookups(file: ComplaintFile, now: datetime) -> int:
    """The monitored numbers of the file that have enough complaints now are looked up by the next sweep."""
    enough = (
        Complaint.objects.counting_since(get_window_start(now))
        .filter(e164__in=file.complaints.values("e164"))
        .values("e164")
        .annotate(complaints=Count("pk"))
        .filter(complaints__gte=settings.COMPLAINTS_THRESHOLD)
        .values("e164")
    )
    monitored = PhoneNumber.objects.present().filter(capability=PhoneNumber.Capability.ON)
    return monitored.filter(e164__in=enough).update(next_action_at=now, round_began_at=None)


def _read_rows(file: BinaryIO, name: str) -> Iterator[list[str]]:
    """The rows of the file, each with the cells of COLUMNS, from its beginning. Raises UnreadableFile."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        rows = csv.reader(text, strict=True)
        header = [cell.strip().lower() for cell in next(rows, [])]
        if not header:
            raise UnreadableFile(f"{name} is empty.")
        if missing := [column for column in COLUMNS if column.lower() not in header]:
            raise UnreadableFile(
                f"{name} is not a file of the FTC's reported calls: its first line has no {', no '.join(missing)}."
            )
        places = [header.index(column.lower()) for column in COLUMNS]
        for row in rows:
            if row:
                yield [row[place].strip() if place < len(row) else "" for place in places]
    except UnicodeDecodeError:
        raise UnreadableFile(f"{name} is not a text file in UTF-8.") from None
    except csv.Error as error:
        raise UnreadableFile(f"{name} is not readable as CSV: line {rows.line_num}: {error}.") from None
    finally:
        text.detach()


def _parse_row(cells: Sequence[str], *, now: datetime) -> dict[str, object] | str:
    """The columns of a Complaint, or why the row is left out."""
    number, created, violated, city, state, area_code, subject, robocall = cells
    if not number:
        return "without a number"
    if not (e164 := _united_states_number(number)):
        return "not a number of the United States"
    created_at = _parse_time(created)
    if created_at is None:
        return "without a date that can be read"
    if created_at > now + timedelta(days=1):
        return "dated in the future"
    age = max((now - created_at) / timedelta(days=1), 0)
    return {
        "e164": e164,
        "created_at": created_at,
        "counts_from": now - days(age),
        "violated_at": _parse_time(violated),
        "city": city[:80],
        "state": state[:40],
        "area_code": area_code[:10],
        "subject": " ".join(subject.split())[:200],
        "robocall": {"y": True, "n": False}.get(robocall.lower()[:1]),
    }


@lru_cache(maxsize=65_536)
def _united_states_number(text: str) -> str:
    """E.164, or empty for anything that is no number of the United States. The files hold ten digits without +1."""
    if len(text) < 10:
        return ""
    try:
        parsed = parse_number(text)
    except InvalidPhoneNumber:
        return ""
    return parsed.e164 if parsed.region in US_REGIONS else ""


def _parse_time(text: str) -> datetime | None:
    """2026-11-20 13:05:22; the files name no time zone, so UTC is as good as any for a window of days."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


# What they say --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ComplaintCount:
    """How a number stands: its complaints within the window, and when enough of them have aged out to say no more."""

    complaints: int
    ages_out_at: datetime | None

    @property
    def is_enough(self) -> bool:
        return self.ages_out_at is not None


def get_complaints(e164: str) -> ComplaintQuerySet:
    """All complaints about the number that are known, newest first."""
    return Complaint.objects.about(e164)


def get_window_start(now: datetime) -> datetime:
    return now - days(settings.COMPLAINTS_WINDOW_DAYS)


def count_by_number(numbers: Iterable[str], *, now: datetime) -> dict[str, ComplaintCount]:
    """For each of the numbers (E.164) its count; one query. A number without complaints has a count of none."""
    moments: dict[str, list[datetime]] = {number: [] for number in numbers}
    counting = Complaint.objects.counting_since(get_window_start(now)).filter(e164__in=list(moments))
    for e164, counts_from in counting.order_by("-counts_from").values_list("e164", "counts_from"):
        moments[e164].append(counts_from)
    threshold = max(settings.COMPLAINTS_THRESHOLD, 1)
    return {
        number: ComplaintCount(
            complaints=len(newest_first),
            # With the one that makes it enough, the rest is not enough any more.
            ages_out_at=newest_first[threshold - 1] + days(settings.COMPLAINTS_WINDOW_DAYS)
            if len(newest_first) >= threshold
            else None,
        )
        for number, newest_first in moments.items()
    }
