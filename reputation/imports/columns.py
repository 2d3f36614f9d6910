"""Which column of a file is the number, the label, the source, the campaign and the country.

Columns are preselected by heading and content. A person may choose others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from portal.files.records import UnreadableFile
from portal.files.tables import Table, TableRules
from portal.phone.countries import find_country
from portal.phone.numbers import InvalidPhoneNumber
from reputation.imports.headings import MAX_COLUMNS, find_role, normalize_heading, rate_headings
from reputation.imports.number_cells import is_number
from reputation.models import PhoneNumber

IGNORE = "ignore"
# What a column can be, and what pages call it.
ROLES = {
    "number": "Number",
    "label": "Label",
    "source": "Source",
    "campaign": "Campaign",
    "country": "Country",
    IGNORE: "Ignore",
}
TABLE_RULES = TableRules(rate_headings=rate_headings, is_entry=is_number)

SOURCE_ALIASES = {
    "native": PhoneNumber.Source.NATIVE,
    "internal": PhoneNumber.Source.NATIVE,
    "nativo": PhoneNumber.Source.NATIVE,
    "byoc": PhoneNumber.Source.BYOC,
    "byocp": PhoneNumber.Source.BYOC,
    "byocc": PhoneNumber.Source.BYOC,
    "bringyourowncarrier": PhoneNumber.Source.BYOC,
    "carrier": PhoneNumber.Source.BYOC,
    "external": PhoneNumber.Source.BYOC,
}


@dataclass(frozen=True)
class Columns:
    """`indexes` are the columns that are read, by role. `notes` say why others are not, by column index."""

    indexes: dict[str, int]
    notes: dict[int, str] = field(default_factory=dict)


def parse_source(text: str) -> str:
    """Return native or BYOC; empty for another text."""
    return SOURCE_ALIASES.get(re.sub(r"[^a-z]", "", text.casefold()), "")


# Preselecting


def guess_columns(table: Table, campaigns: Mapping[str, int]) -> Columns:
    """Preselect the columns of a table. Raises UnreadableFile if none of them holds phone numbers."""
    cells = [[record.cells[index] if index < len(record.cells) else "" for record in table.sample]
             for index in range(min(table.width, MAX_COLUMNS))]  # fmt: skip
    found = [find_role(heading) for heading in table.headings[:MAX_COLUMNS]] or [None] * len(cells)
    number, others = _find_number_column(cells, found)
    if number is None:
        raise UnreadableFile(_explain_missing_number(table))
    columns = Columns({"number": number}, dict.fromkeys(others, "Also holds phone numbers. Only one column is read."))
    fits = {
        "source": (parse_source, "neither native nor BYOC"),
        "campaign": (lambda text: text in campaigns or text.casefold() in campaigns, "not the name of a campaign"),
        "country": (_is_country, "not a country"),
    }
    for role in ("label", *fits):
        ranked = sorted((entry[1], index) for index, entry in enumerate(found) if entry and entry[0] == role)
        for _, index in ranked:
            misfit = _describe_misfit(cells[index], *fits[role]) if role in fits else ""
            if misfit:
                columns.notes[index] = misfit
            elif index not in columns.indexes.values() and index not in columns.notes:
                columns.indexes[role] = index
                break
    if not table.headings and (label := _find_label_column(cells, number)) is not None:
        columns.indexes["label"] = label
    return columns


def _find_number_column(cells: list[list[str]], found: list[tuple[str, int] | None]) -> tuple[int | None, list[int]]:
    """Return the column of numbers, and the others that are as full of them.

    The heading decides between columns of which each holds at least half as many numbers as the fullest one.
    """
    counts = [sum(map(is_number, column)) for column in cells]
    ranks = {index: entry[1] for index, entry in enumerate(found) if entry and entry[0] == "number"}
    most = max(counts, default=0)
    full = [index for index, count in enumerate(counts) if count and count * 2 >= most] or list(ranks)
    if not full:
        return None, []
    # Without a number in the sample, prefer a column that is not empty.
    best = min(full, key=lambda index: (not any(cells[index]), ranks.get(index, 1_000), -counts[index], index))
    return best, [index for index in full if index != best and counts[index]]


def _find_label_column(cells: list[list[str]], number: int) -> int | None:
    """Without headings: the first column of words."""
    for index, column in enumerate(cells):
        words = [cell for cell in column if re.search(r"[^\W\d_]{2}", cell) and len(cell) <= 80]
        if index != number and len(words) * 2 > len(column) and not any(map(is_number, column)):
            return None if all(map(parse_source, words)) else index
    return None


def _describe_misfit(cells: list[str], fits: Callable[[str], object], what: str) -> str:
    """Why a column does not fit its heading: more than half of its values do not. Empty if it fits."""
    values = [cell for cell in cells if cell]
    wrong = [cell for cell in values if not fits(cell)]
    if len(wrong) * 2 <= len(values):
        return ""
    examples = ", ".join(f"“{value[:30]}”" for value in list(dict.fromkeys(wrong))[:3])
    return f"Ignored: {examples} {'is' if len(set(wrong)) == 1 else 'are'} {what}."


def _is_country(text: str) -> bool:
    try:
        find_country(text)
    except InvalidPhoneNumber:
        return False
    return True


def _explain_missing_number(table: Table) -> str:
    cells = table.headings or (table.sample[0].cells if table.sample else [])
    filled = [f"“{cell[:40]}”" for cell in cells if cell]
    return (
        f"There is no column of phone numbers. The first line has {', '.join(filled[:12])}. Call the column number, "
        "phone, did or tn."
    )


# Choosing


class WrongChoice(ValueError):
    """The columns cannot be chosen like this; the message tells a person why."""


def resolve_columns(requested: Mapping[str, str], *, headings: list[str], width: int) -> dict[str, int]:
    """Translate roles by heading, or by position from 1, into columns by role. Other columns are ignored.

    Raises WrongChoice for an unknown column, and unless there is one number column and at most one of each other role.
    """
    names = [normalize_heading(heading) for heading in headings]
    columns: dict[str, int] = {}
    for name, role in requested.items():
        index = _find_column(name, names, width)
        if role not in ROLES:
            raise WrongChoice(f"A column is one of {', '.join(ROLES)}, not “{role[:40]}”.")
        if role == IGNORE:
            continue
        if role in columns:
            raise WrongChoice(
                f"Columns {columns[role] + 1} and {index + 1} are both chosen as {role}. Choose one, and ignore the "
                "other."
            )
        columns[role] = index
    if "number" not in columns:
        raise WrongChoice("No column is chosen as number. Choose the one that holds the phone numbers.")
    return columns


def move_roles(chosen: Mapping[str, str], former: Mapping[str, int]) -> dict[str, str]:
    """Ignore the column that had a role before if another one is chosen for it. `chosen` is by position from 1."""
    roles = list(chosen.values())
    moved = {(str(index + 1), role) for role, index in former.items() if roles.count(role) > 1}
    return {position: IGNORE if (position, role) in moved else role for position, role in chosen.items()}


def _find_column(name: str, names: list[str], width: int) -> int:
    plain = normalize_heading(name)
    if plain and names.count(plain) == 1:
        return names.index(plain)
    if name.isdecimal() and 1 <= int(name[:9]) <= min(width, MAX_COLUMNS):
        return int(name) - 1
    if names.count(plain) > 1:
        raise WrongChoice(f"Several columns are called “{name[:40]}”. Give the position of the column, from 1.")
    raise WrongChoice(f"There is no column “{name[:40]}”. Give a heading, or a position from 1 to {width}.")
