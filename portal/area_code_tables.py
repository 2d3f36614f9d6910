"""Load a newer report of area codes into the database, and give it to the numbering plan of each process."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from django.db import Error, connection, transaction

from portal.models import AreaCodeTable
from portal.phone.area_code_report import InvalidReport, read_report
from portal.phone.current_plan import get_shipped_plan
from portal.phone.numbering_plan import NumberingPlan

MAX_BYTES = 5_000_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedReport:
    """`new` are area codes that the table in use before did not have, `withdrawn` those that only it had."""

    report_date: date
    area_codes: int
    new: list[str]
    withdrawn: list[str]


def load_report(path: Path, *, now: datetime) -> LoadedReport:
    """Load a report in NANPA's layout or that of the shipped file. Raises InvalidReport; then nothing is changed."""
    text = _read_text(path)
    plan = read_report(text, file_name=path.name)
    if plan.report_date > (now + timedelta(days=1)).date():
        raise InvalidReport(f"It is dated in the future, {plan.report_date}.")
    with transaction.atomic():
        newest = AreaCodeTable.objects.select_for_update().order_by("-report_date").first()
        before = _get_newer(newest)
        if plan.report_date < before.report_date:
            raise InvalidReport(f"It is of {plan.report_date}, older than the table in use, of {before.report_date}.")
        AreaCodeTable.objects.exclude(report_date=plan.report_date).delete()
        AreaCodeTable.objects.update_or_create(
            report_date=plan.report_date, defaults={"loaded_at": now, "report": text}
        )
    return LoadedReport(
        report_date=plan.report_date,
        area_codes=len(plan.area_codes),
        new=sorted(plan.area_codes.keys() - before.area_codes.keys()),
        withdrawn=sorted(before.area_codes.keys() - plan.area_codes.keys()),
    )


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidReport("It is too large for a report of area codes.")
        data = path.read_bytes()
    except OSError as error:
        raise InvalidReport(f"It cannot be opened: {error.strerror}.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise InvalidReport("It is not a CSV file. Save the report as CSV (UTF-8).")
    return text


def fetch_numbering_plan(current: NumberingPlan) -> NumberingPlan | None:
    """Return the plan to use: `current` if it is still that of the newest table. One query then.

    None within a transaction, where an error would break the caller's work.
    """
    if connection.in_atomic_block:
        return None
    tables = AreaCodeTable.objects.order_by("-report_date")
    try:
        latest = tables.values_list("report_date", "loaded_at").first()
        if latest == (current.report_date, current.loaded_at):
            return current
        return _get_newer(tables.first() if latest else None)
    except (Error, InvalidReport):  # such as before `migrate` has created the table
        logger.exception("The table of area codes cannot be read. The one in use stays.")
        return current


def _get_newer(table: AreaCodeTable | None) -> NumberingPlan:
    """The plan of the table, or the shipped one if that is newer, as after an update of the portal."""
    shipped = get_shipped_plan()
    if table is None or table.report_date < shipped.report_date:
        return shipped
    plan = read_report(table.report, file_name=str(table.report_date))
    return replace(plan, loaded_at=table.loaded_at)
