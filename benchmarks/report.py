"""The table of results, with the machine and the versions."""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """A figure and that of its peer. `ratio` must be at least or at most `goal`. `bound` explains what limits it, and
    what was tried."""

    name: str
    figure: str
    peer: str
    peers_figure: str
    ratio: float
    goal: float
    at_least: bool
    bound: str = ""

    @property
    def is_reached(self) -> bool:
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


def render_table(rows: list[Result], *, quick: bool, seconds: float) -> str:
    """Render the results as Markdown."""
    lines = [
        "# Measured",
        "",
        f"By `make bench{' QUICK=1' if quick else ''}` in {seconds:.0f} seconds, on {_describe_machine()}.",
        "Each figure stands beside its peer's of the same run.",
        "",
        "| what | measured | peer | peer measured | ratio | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        sign, outcome = ("≥" if row.at_least else "≤"), ("reached" if row.is_reached else "**not reached**")
        lines.append(
            f"| {row.name} | {row.figure} | {row.peer} | {row.peers_figure} | {row.ratio:.2f} | {sign} {row.goal:g} "
            f"| {outcome} |"
        )
    if missed := [row for row in rows if not row.is_reached]:
        lines += ["", "## Not reached", ""]
        lines += [f"- **{row.name}** ({row.ratio:.2f} of {row.goal:g}). {row.bound}".rstrip() for row in missed]
    return "\n".join(lines)


def _describe_machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in ("Django", "gunicorn", "phonenumbers"))
    return (
        f"{os.cpu_count()} processors ({_get_processor_name()}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {versions}"
    )


def _get_processor_name() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()
