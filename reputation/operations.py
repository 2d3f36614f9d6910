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
from reputation.metrics import PROVIDER_LAST_FAILURE, PROVIDER_LAST_SUCCESS
from reputation.models import CircuitBreaker, Connection, FtcIndexPage

# A vendor may be away for a while: the circuit breaker tries again by itself.
FAILING_LATE: Final = timedelta(hours=1)
# Files are published on the next weekday, and sometimes a few days later.
MISSING_LATE: Final = timedelta(days=5)
NAMED_DAYS: Final = 5


def describe_providers(now: datetime) -> Content:
    """Each connection with its operations: when a call last succeeded and failed, and since when it fails.

    Four queries.
    """
    connections = Connection.objects.select_related("account").prefetch_related("circuit_breakers")
    succeeded, failed = PROVIDER_LAST_SUCCESS.read(), PROVIDER_LAST_FAILURE.read()
    rows: list[Sequence[Cell]] = []
    problems = []
    for connection in connections:
        breakers = {breaker.operation: breaker for breaker in connection.circuit_breakers.all()}
        called = {operation for pk, operation in succeeded.keys() | failed.keys() if pk == str(connection.pk)}
        for operation in sorted(called | breakers.keys()) or [""]:
            breaker = breakers.get(operation)
            key = (str(connection.pk), operation)
            state = _describe_state(connection, breaker, is_used=bool(operation))
            times = (breaker.opened_at, breaker.retry_at) if breaker else ("", "")
            rows.append((str(connection), operation, state, succeeded.get(key, ""), failed.get(key, ""), *times))
            if breaker and connection.is_active and now - breaker.opened_at > FAILING_LATE:
                text = f"{connection}: {operation} fails. {breaker.reason}"
                problems.append(Problem(text, "It is tried again by itself. Check the connection's settings."))
    columns = ("Connection", "Operation", "State", "Last success", "Last failure", "Failing since", "Next attempt")
    return Content(columns, rows, problems, empty="There is no connection to a provider.")


def _describe_state(connection: Connection, breaker: CircuitBreaker | None, *, is_used: bool) -> str:
    if breaker:
        return f"fails: {breaker.reason}"
    if not connection.is_active:
        return "switched off"
    return "works" if is_used else "not called yet"


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
    if late := [day for day in missing if now.date() - day.day > MISSING_LATE]:
        problems.append(_build_missing_problem(late))
    through = f"Loaded to {loaded_through:%Y-%m-%d}" if loaded_through else "No file is loaded"
    note = f"{through}. {pluralize(len(missing), 'day')} missing."
    return Content(problems=problems, note=note)


def _build_missing_problem(missing: Sequence[days.MissingDay]) -> Problem:
    """`missing` are days without a file, newest first."""
    named = ", ".join(f"{missing_day.day:%Y-%m-%d}" for missing_day in missing[:NAMED_DAYS])
    more = f" and {len(missing) - NAMED_DAYS} more" if len(missing) > NAMED_DAYS else ""
    text = f"Complaint files of {pluralize(len(missing), 'day')} are missing: {named}{more}. {missing[0].reason}"
    advice = (
        "Each is tried again while the FTC's page lists it. If you can download a file, load it with "
        "manage.py load_complaints. Until then, complaints of these days do not count."
    )
    return Problem(text, advice, is_urgent=False)


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
