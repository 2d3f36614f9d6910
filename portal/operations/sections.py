"""Sections of the operators' page. Each app registers its own (see portal.apps)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

# Times are shown exactly, other values as text.
Cell = str | int | datetime | None


@dataclass(frozen=True)
class Problem:
    """What is wrong, and what to do, each in a sentence or two. The banner shows those that are urgent."""

    text: str
    advice: str
    is_urgent: bool = True


@dataclass(frozen=True)
class Content:
    """A table, the problems above it, and a note. `empty` is shown instead of a table without rows."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    problems: Sequence[Problem] = ()
    note: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Section:
    """`url_name` is the page with more about it. Sections of a lower `rank` come first."""

    name: str
    title: str
    build: Callable[[datetime], Content]
    url_name: str = ""
    rank: int = 1


@dataclass(frozen=True)
class BuiltSection:
    section: Section
    content: Content


_sections: dict[str, Section] = {}


def register_sections(sections: Iterable[Section]) -> None:
    """Add sections. One of the same name is replaced."""
    _sections.update((section.name, section) for section in sections)


def build_sections(now: datetime) -> list[BuiltSection]:
    """All sections as of `now`, by rank, then in the order in which they were registered."""
    return [
        BuiltSection(section, section.build(now))
        for section in sorted(_sections.values(), key=lambda section: section.rank)
    ]


def get_problems(sections: Iterable[BuiltSection]) -> list[Problem]:
    return [problem for built in sections for problem in built.content.problems]
