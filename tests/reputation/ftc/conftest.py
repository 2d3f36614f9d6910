"""Fixtures: a stand-in for the FTC's site, a clock, and files of complaints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from reputation.complaint_rows import COLUMNS
from reputation.ftc import sweep
from tests.support.ftc_site import FtcSite, run_ftc_site

# A Wednesday, after noon in Washington.
NOW = datetime(2026, 11, 25, 18, tzinfo=UTC)
HEADINGS = ",".join(COLUMNS)


@pytest.fixture
def site(tmp_path, settings, monkeypatch) -> Iterator[FtcSite]:
    """The stand-in, and the portal configured to fetch from it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with run_ftc_site(tmp_path / "ftc") as site:
        settings.FTC_FETCH, settings.FTC_INDEX_URL, settings.FTC_PAUSE_SECONDS = True, site.url, 0
        yield site


@dataclass
class Clock:
    """The time that the portal sees."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def shift(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fetch(site, clock) -> Callable[[], int]:
    """Do everything that is due."""
    return lambda: sweep.fetch_due(clock=clock, budget_seconds=60)


def name_of(day: str) -> str:
    return f"DNC_Complaint_Numbers_{day}.csv"


def write_row(number: str, day: str = "2026-11-20", minute: int = 0) -> str:
    return f"{number},{day} 08:{minute:02}:22,{day} 07:00:00,Seattle,Washington,206,Other,Y"


def write_file(*rows: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (HEADINGS, *rows)).encode()
