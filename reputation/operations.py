"""The sections of this app for the operators' page: providers, complaint files, the FCC's data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from portal.operations.sections import Cell, Content, Problem, Section
from portal.text import pluralize
from reputation.fcc.dataset import get_dataset
from reputation.ftc import days
from reputation.models import Connection, FtcIndexPage

# A vendor may be away for a while: the circuit breaker tries again by itself.
FAILING_LATE: Final = timedelta(hours=1)


def describe_providers(now: datetime) -> Content:
    """Each connection with its failing operations. Two queries."""
    connections = Connection.objects.select_related("account").prefetch_related("circuit_breakers")
    rows: list[Sequence[Cell]] = []
    problems = []
    for connection in connections:
        breakers = list(connection.circuit_breakers.all())
        if not connection.is_active:
            rows.append((str(connection), "", "switched off", "", ""))
        elif not breakers:
            rows.append((str(connection), "", "works", "", ""))
        for breaker in breakers:
            rows.append(
                (str(connection), breaker.operation, f"fails: {breaker.reason}", breaker.opened_at, breaker.retry_at)
            )
            if connection.is_active and now - breaker.opened_at > FAILING_LATE:
                text = f"{connection}: {breaker.operation} fails. {breaker.reason}"
                problems.append(Problem(text, "It is tried again by itself. Check the connection's settings."))
    columns = ("Connection", "Operation", "State", "Failing since", "Next attempt")
    return Content(columns, rows, problems, empty="There is no connection to a provider.")


def describe_complaint_files(now: datetime) -> Content:
    """The last loaded day, and the days that are missing. Seven queries at most."""
    if not settings.FTC_FETCH:
        return Content(note="Files are not fetched (FTC_FETCH is 0). Load them with manage.py load_complaints.")
    page = FtcIndexPage.objects.filter(url=settings.FTC_INDEX_URL).first()
    loaded_through = days.get_loaded_through()
    missing = [day for day in days.get_missing_days(now) if not day.is_over]
    problems = []
    if page and page.problem:
        advice = "It is tried again by itself. In the meantime, load files with manage.py load_complaints."
        problems.append(Problem(f"The FTC's page could not be read. {page.problem}", advice))
    through = f"Loaded to {loaded_through:%Y-%m-%d}" if loaded_through else "No file is loaded"
    note = f"{through}. {pluralize(len(missing), 'day')} missing."
    return Content(problems=problems, note=note)


def describe_fcc(now: datetime) -> Content:
    """Whether the FCC's data service answers. One query."""
    dataset = get_dataset()
    if not settings.FCC.fetch or not dataset.is_enabled:
        return Content(note="The FCC is not asked.")
    problems = []
    if dataset.failures:
        problems.append(Problem(f"The FCC's data service fails. {dataset.last_failure}", "It is asked again later."))
    rows = [(dataset.updated_at or "not known yet", dataset.checked_at or "never")]
    return Content(("Data of", "Last asked for newer data"), rows, problems)


SECTIONS = (
    Section("providers", "Providers", describe_providers, "admin:reputation_connection_changelist"),
    Section(
        "complaint-files",
        "Complaint files",
        describe_complaint_files,
        "admin:reputation_complaintfile_changelist",
    ),
    Section("fcc", "FCC complaint data", describe_fcc, "admin:reputation_fccdataset_changelist"),
)
