"""Measurements of faults, and the table of docs/reliability.md that is made of them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "reliability.md"
MEASUREMENTS = ROOT / "docs" / "reliability.jsonl"
TABLE_BEGIN, TABLE_END = "<!-- measurements: begin -->\n", "<!-- measurements: end -->\n"
HEADINGS = ("fault", "database", "times", "lost", "median s", "worst s", "commits", "days", "machine")


@dataclass(frozen=True)
class Measurement:
    """One fault. `seconds` is the time to recover, None if it did not; `lost` the pieces of work that got lost."""

    fault: str
    database: str
    seconds: float | None
    lost: int
    commit: str
    day: str
    machine: str


def describe_run() -> dict[str, str]:
    """What is the same for all measurements of a run."""
    commit = _git("rev-parse", "--short=7", "HEAD")
    # What was measured before, in docs, changes nothing.
    is_changed = bool(_git("status", "--porcelain", "--", ".", ":!docs"))
    machine = f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}"
    return {
        "commit": f"{commit}-dirty" if is_changed else commit,
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
    }


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def record(measurement: Measurement) -> None:
    """Append one measurement. Runs side by side may append to the same file."""
    with MEASUREMENTS.open("a") as file:
        file.write(json.dumps(asdict(measurement)) + "\n")


def read_measurements() -> list[Measurement]:
    lines = MEASUREMENTS.read_text().splitlines() if MEASUREMENTS.exists() else []
    return [Measurement(**json.loads(line)) for line in lines]


def count_runs() -> Counter[tuple[str, str]]:
    """How many runs each fault has on each database."""
    return Counter((one.fault, one.database) for one in read_measurements())


def update_document() -> None:
    """Replace the table by one of all measurements."""
    measurements = read_measurements()
    before, rest = DOCUMENT.read_text().split(TABLE_BEGIN)
    after = rest.split(TABLE_END)[1]
    DOCUMENT.write_text(f"{before}{TABLE_BEGIN}{build_table(measurements)}{TABLE_END}{after}")


def build_table(measurements: list[Measurement]) -> str:
    groups: dict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        groups[measurement.fault, measurement.database].append(measurement)
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(build_row(*key, group) for key, group in sorted(groups.items()))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def build_row(fault: str, database: str, group: list[Measurement]) -> tuple[str, ...]:
    seconds = sorted(float("inf") if one.seconds is None else one.seconds for one in group)
    return (
        fault,
        database,
        str(len(group)),
        str(sum(one.lost for one in group)),
        f"{median(seconds):.1f}",
        f"{seconds[-1]:.1f}",
        *(", ".join(sorted({getattr(one, name) for one in group})) for name in ("commit", "day", "machine")),
    )
