"""Loading of the FTC's files of complaints.

The Federal Trade Commission publishes *Do Not Call Reported Calls* each weekday, as CSV with eight columns
(https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data).
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from portal.db.bulk import insert_rows
from portal.jobs.runner import PAUSE_SECONDS
from portal.phone.numbers import US_REGIONS, InvalidPhoneNumber, parse_number
from reputation.complaints import get_window_start
from reputation.models import Complaint, ComplaintFile, PhoneNumber
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
    """The file is not one that the FTC publishes; the message says why. Nothing was loaded."""


@dataclass
class LoadResult:
    """The rows of a file: how many there are, were loaded, are in another file already, or were skipped by reason."""

    name: str
    is_already_loaded: bool = False
    rows: int = 0
    loaded: int = 0
    duplicates: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    scheduled_lookups: int = 0


def load_file(path: Path, *, now: datetime) -> LoadResult:
    """Loads a file, and schedules a look-up of the monitored numbers that have enough complaints now.

    Loading a file again, even under another name, changes nothing. Rows have no id. Equal rows within a file are
    separate complaints; equal rows of several files, as in the FTC's overlapping and corrected files, are the same
    complaint. If one file has a row twice and another three times, there are three complaints.

    Reads the whole file before it writes anything, so a broken file loads nothing. Needs 16 bytes of memory per row.
    Raises UnreadableFile.
    """
    try:
        with path.open("rb") as file:
            return _load_open_file(file, path.name, now)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {error.strerror}.") from error


def _load_open_file(file: io.BufferedReader, name: str, now: datetime) -> LoadResult:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if ComplaintFile.objects.filter(sha256=sha256, done_at__isnull=False).exists():
        return LoadResult(name, is_already_loaded=True)
    for _ in _read_rows(file, name):
        pass
    stored_file, _ = ComplaintFile.objects.get_or_create(
        sha256=sha256, defaults={"name": name[:200], "started_at": now}
    )
    result = LoadResult(name)
    chunk: list[dict[str, Any]] = []
    occurrences: Counter[bytes] = Counter()
    for cells in _read_rows(file, name):
        result.rows += 1
        complaint = _parse_row(cells, now=now)
        if isinstance(complaint, str):
            result.skipped[complaint] += 1
            continue
        fingerprint = hashlib.blake2b("\x1f".join(cells).encode(), digest_size=16).digest()
        identity = {"fingerprint": uuid.UUID(bytes=fingerprint), "occurrence": occurrences[fingerprint]}
        occurrences[fingerprint] += 1
        chunk.append(complaint | identity | {"file_id": stored_file.pk})
        if len(chunk) >= CHUNK:
            _insert_chunk(chunk)
    _insert_chunk(chunk)
    with transaction.atomic():
        # Counted in the table, because an earlier run that was killed may have loaded some of them.
        result.loaded = stored_file.complaints.count()
        result.duplicates = result.rows - result.loaded - result.skipped.total()
        ComplaintFile.objects.filter(pk=stored_file.pk).update(
            done_at=now, row_count=result.rows, loaded_count=result.loaded
        )
        result.scheduled_lookups = _schedule_lookups(stored_file, now)
    return result


def _insert_chunk(chunk: list[dict[str, Any]]) -> None:
    """Inserts the chunk and empties the list. The pause lets other writers take the lock of SQLite."""
    insert_rows(Complaint, chunk, ignore_conflicts=True)
    chunk.clear()
    time.sleep(PAUSE_SECONDS)


def _schedule_lookups(file: ComplaintFile, now: datetime) -> int:
    """Requests a look-up of the monitored numbers of the file that have enough complaints; returns how many."""
    enough = (
        Complaint.objects.counting_since(get_window_start(now))
        .filter(e164__in=file.complaints.values("e164"))
        .values("e164")
        .annotate(complaints=Count("pk"))
        .filter(complaints__gte=settings.COMPLAINTS_THRESHOLD)
        .values("e164")
    )
    return PhoneNumber.objects.looked_up().filter(e164__in=enough).request_lookup(now)


def _read_rows(file: io.BufferedReader, name: str) -> Iterator[list[str]]:
    """The cells of COLUMNS of each row, from the start of the file. Raises UnreadableFile."""
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
        indexes = [header.index(column.lower()) for column in COLUMNS]
        for row in rows:
            if row:
                yield [row[index].strip() if index < len(row) else "" for index in indexes]
    except UnicodeDecodeError:
        raise UnreadableFile(f"{name} is not a text file in UTF-8.") from None
    except csv.Error as error:
        raise UnreadableFile(f"{name} is not readable as CSV: line {rows.line_num}: {error}.") from None
    finally:
        text.detach()


def _parse_row(cells: Sequence[str], *, now: datetime) -> dict[str, Any] | str:
    """The columns of a Complaint, or the reason for skipping the row."""
    number, created, violated, city, state, area_code, subject, robocall = cells
    if not number:
        return "without a number"
    if not (e164 := _parse_us_number(number, now.date())):
        return "not a number of the United States"
    created_at = _parse_time(created)
    if created_at is None:
        return "without a date that can be read"
    if created_at > now + timedelta(days=1):
        return "dated in the future"
    age_days = max((now - created_at) / timedelta(days=1), 0)
    return {
        "e164": e164,
        "created_at": created_at,
        "counts_from": now - days(age_days),
        "violated_at": _parse_time(violated),
        "city": city[:80],
        "state": state[:40],
        "area_code": area_code[:10],
        "subject": " ".join(subject.split())[:200],
        "is_robocall": {"y": True, "n": False}.get(robocall.lower()[:1]),
    }


def _parse_us_number(text: str, today: date) -> str:
    """The number as E.164; empty if it is no number of the United States. The files have ten digits without +1."""
    if len(text) < 10:
        return ""
    try:
        parsed = parse_number(text, today=today)
    except InvalidPhoneNumber:
        return ""
    return parsed.e164 if parsed.region in US_REGIONS else ""


def _parse_time(text: str) -> datetime | None:
    """Parses 2026-11-20 13:05:22. The files have no time zone; UTC is precise enough for a window of days."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
