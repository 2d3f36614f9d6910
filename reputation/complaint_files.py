"""Loading of the FTC's files of complaints.

The Federal Trade Commission publishes *Do Not Call Reported Calls* each weekday, as CSV with eight columns
(https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data). A file may be in any encoding and have
any delimiter, because people open it in a spreadsheet first.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from portal.db.bulk import insert_rows
from portal.files.records import Record, UnreadableFile
from portal.files.tables import Table, TableRules, open_table
from portal.jobs.runner import pause
from reputation.complaint_rows import COLUMNS, RowSkipped, get_fingerprint, parse_row
from reputation.complaints import get_window_start
from reputation.models import Complaint, ComplaintFile, PhoneNumber

CHUNK = 2_000
# Lines that are named for each reason to skip a row.
MAX_NAMED_LINES = 5
# The columns by which the FCC's *Consumer Complaints Data - Unwanted Calls* is recognised, in its CSV and in its API.
# Source: https://opendata.fcc.gov/d/vakf-fz8e, which writes "Messge".
FCC_COLUMNS = frozenset(
    {
        "caller_id_number",
        "type_of_call_or_messge",
        "type_of_call_or_message",
        "advertiser_business_number",
        "advertiser_business_phone_number",
    }
)


@dataclass
class LoadResult:
    """The rows of a file: how many there are, were loaded, are in another file already, or were skipped by reason.

    `skipped_lines` names the first lines that were skipped, by reason.
    """

    name: str
    file: ComplaintFile | None = None
    is_already_loaded: bool = False
    rows: int = 0
    loaded: int = 0
    duplicates: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_lines: dict[str, list[str]] = field(default_factory=dict)
    scheduled_lookups: int = 0

    def skip(self, record: Record, reason: RowSkipped) -> None:
        self.skipped[str(reason)] += 1
        lines = self.skipped_lines.setdefault(str(reason), [])
        if len(lines) < MAX_NAMED_LINES:
            lines.append(f"line {record.first_line}" + (f" ({reason.detail})" if reason.detail else ""))

    def describe_skipped(self) -> dict[str, dict[str, Any]]:
        """The reasons, the most frequent first, each with how many rows it concerns and the first lines."""
        return {
            reason: {"rows": count, "lines": self.skipped_lines[reason]} for reason, count in self.skipped.most_common()
        }


def load_file(path: Path, *, now: datetime) -> LoadResult:
    """Loads a file, and schedules a look-up of the monitored numbers that have enough complaints now.

    Loading a file again, even under another name, changes nothing. Rows have no id. Equal rows within a file are
    separate complaints; equal rows of several files, as in the FTC's overlapping and corrected files, are the same
    complaint. If one file has a row twice and another three times, there are three complaints.

    A row that cannot be read is skipped, and named in the result. Needs 16 bytes of memory per row. Raises
    UnreadableFile for a file that the FTC does not publish, and loads nothing of it.
    """
    try:
        with path.open("rb") as file:
            return _load_open_file(file, path.name, now)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be opened: {error.strerror}.") from error


def get_day(name: str) -> date | None:
    """The day in the name of a file, as in DNC_Complaint_Numbers_2026-11-23_0.csv; None if it has none."""
    match = re.search(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)", name)
    try:
        return date.fromisoformat(match[0]) if match else None
    except ValueError:
        return None


def _load_open_file(file: BinaryIO, name: str, now: datetime) -> LoadResult:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO has readinto
    if done := ComplaintFile.objects.filter(sha256=sha256, done_at__isnull=False).first():
        return LoadResult(name, done, is_already_loaded=True)
    with _open_complaints(file, name) as (table, records):
        stored_file, _ = ComplaintFile.objects.get_or_create(
            sha256=sha256, defaults={"name": name[:200], "day": get_day(name), "started_at": now}
        )
        result = LoadResult(name, stored_file)
        _load_records(table, records, stored_file, result, now)
    with transaction.atomic():
        # Counted in the table, because an earlier run that was killed may have loaded some of them.
        result.loaded = stored_file.complaints.count()
        result.duplicates = result.rows - result.loaded - result.skipped.total()
        ComplaintFile.objects.filter(pk=stored_file.pk).update(
            done_at=now,
            row_count=result.rows,
            loaded_count=result.loaded,
            skipped_count=result.skipped.total(),
            skipped=result.describe_skipped(),
        )
        result.scheduled_lookups = _schedule_lookups(stored_file, now)
    return result


def _load_records(
    table: Table, records: Iterator[Record], file: ComplaintFile, result: LoadResult, now: datetime
) -> None:
    """Insert the complaints in chunks, and count the rows in `result`."""
    indexes = [_normalize_headings(table.headings).index(_normalize_heading(column)) for column in COLUMNS]
    chunk: list[dict[str, Any]] = []
    occurrences: Counter[bytes] = Counter()
    for record in records:
        result.rows += 1
        try:
            cells = _get_cells(record, table, indexes)
            complaint = parse_row(cells, now=now)
        except RowSkipped as reason:
            result.skip(record, reason)
            continue
        fingerprint = get_fingerprint(complaint)
        identity = {"fingerprint": fingerprint, "occurrence": occurrences[fingerprint.bytes]}
        occurrences[fingerprint.bytes] += 1
        chunk.append(complaint | identity | {"file_id": file.pk})
        if len(chunk) >= CHUNK:
            _insert_chunk(chunk)
    _insert_chunk(chunk)


def _get_cells(record: Record, table: Table, indexes: Sequence[int]) -> list[str]:
    """The cells of COLUMNS. Raises RowSkipped if the row is damaged or has more cells than there are columns."""
    if record.problem:
        raise RowSkipped(record.problem, record.cells[0].strip()[:40])
    if any(record.cells[table.width :]):
        raise RowSkipped("with more cells than columns", f"{len(record.cells)} instead of {table.width}")
    if harmed := [index for index in record.harmed_columns if index in indexes]:
        cell = f"{table.headings[harmed[0]]}: {record.cells[harmed[0]][:40]}"
        raise RowSkipped("with characters that cannot be read", cell)
    return [record.cells[index] if index < len(record.cells) else "" for index in indexes]


def _insert_chunk(chunk: list[dict[str, Any]]) -> None:
    """Inserts the chunk and empties the list. The pause lets other writers take the lock of SQLite."""
    insert_rows(Complaint, chunk, ignore_conflicts=True)
    chunk.clear()
    pause()


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


@contextmanager
def _open_complaints(file: BinaryIO, name: str) -> Iterator[tuple[Table, Iterator[Record]]]:
    """The table of a file, which has all of COLUMNS, and its rows. Raises UnreadableFile."""
    rules = TableRules(rate_headings=_rate_headings, is_entry=_is_entry)
    try:
        with open_table(file, rules) as (table, records):
            _check_headings(_normalize_headings(table.headings))
            yield table, records
    except UnreadableFile as error:
        message = str(error).removesuffix(" Nothing was imported.")
        raise UnreadableFile(f"{name}: {message}") from error


def _check_headings(headings: Sequence[str]) -> None:
    missing = [column for column in COLUMNS if _normalize_heading(column) not in headings]
    if missing and "caller_id_number" in headings and len(FCC_COLUMNS.intersection(headings)) > 1:
        raise UnreadableFile(
            "This is the FCC's file of unwanted calls (Consumer Complaints Data), not the FTC's. The portal loads the "
            "FTC's Do Not Call Reported Calls only: download these from "
            "https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data and load them."
        )
    if missing:
        raise UnreadableFile(
            f"This is not a file of the FTC's reported calls: it has no {', no '.join(missing)}. Load a "
            "file of Do Not Call Reported Calls as the FTC publishes it, with all eight columns."
        )


def _normalize_headings(headings: Sequence[str]) -> list[str]:
    return [_normalize_heading(heading) for heading in headings]


def _normalize_heading(heading: str) -> str:
    return re.sub(r"[\s_]+", "_", heading.strip().lower())


KNOWN_HEADINGS = frozenset(map(_normalize_heading, COLUMNS))


def _rate_headings(cells: list[str]) -> int:
    headings = set(_normalize_headings(cells))
    return max(len(headings & KNOWN_HEADINGS), len(headings & FCC_COLUMNS))


def _is_entry(cell: str) -> bool:
    """Whether the cell looks like a phone number."""
    return bool(re.fullmatch(r"\+?1?[\s.(-]*\d{3}[\s.)-]*\d{3}[\s.-]*\d{4}", cell))
