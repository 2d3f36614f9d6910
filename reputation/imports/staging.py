"""Turn a line of an import into staged rows: its parsed values, and the outcome for each of its numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from portal.db.in_list import in_list
from portal.files.csv_export import unescape_formula
from portal.files.records import REPLACEMENT, Record
from portal.phone.numbers import InvalidPhoneNumber
from reputation.imports.columns import parse_source
from reputation.imports.number_cells import parse_cell
from reputation.models import Campaign, ImportRow, NumberImport, PhoneNumber
from reputation.phone_numbers import clean_label

Outcome = ImportRow.Outcome

# All columns of a row. Rows that are inserted together must have the same columns.
ROW_DEFAULTS: dict[str, Any] = {
    field.attname: field.get_default() for field in ImportRow._meta.concrete_fields if not field.primary_key
} | {"outcome": Outcome.NEW}


class ExistingNumber(NamedTuple):
    """A number of the account at the time its line is read."""

    pk: int
    label: str
    source: str
    campaign_id: int | None
    removed_at: datetime | None


def get_campaign_ids(account_id: int) -> dict[str, int]:
    """Return the account's campaigns by name, and by case-folded name. Names as written take precedence."""
    names = dict(Campaign.objects.for_account(account_id).values_list("name", "pk"))
    return {name.casefold(): pk for name, pk in names.items()} | names


class _LineRefused(ValueError):
    """The line is refused; the message tells a person why."""


def build_rows(record: Record, number_import: NumberImport, campaigns: dict[str, int]) -> list[dict[str, Any]]:
    """Return a row for each number of a record, judged by the file alone: new, or refused. See compare_with_existing.

    That is one row, or several if the cell holds a range or several numbers.
    """
    cells = {
        name: unescape_formula(record.cells[index]) if index < len(record.cells) else ""
        for name, index in number_import.columns.items()
    }
    row = ROW_DEFAULTS | {
        "number_import_id": number_import.pk,
        "line": record.first_line,
        "raw_text": (clean_label(cells["number"]) or clean_label(record.cells[0]))[:80],
    }
    try:
        _check_cells(record, cells, width=number_import.width)
        numbers = parse_cell(cells["number"], country=cells.get("country", ""))
        values = {
            "label": _parse_label(cells.get("label", "")),
            "source": _parse_source(cells.get("source", "")),
            "campaign_id": _parse_campaign(cells.get("campaign", ""), campaigns),
            "note": _get_note(cells.get("label", "")),
        }
    except (_LineRefused, InvalidPhoneNumber) as error:
        return [row | {"outcome": Outcome.REFUSED, "reason": str(error)[:200]}]
    return [
        row
        | values
        | {
            "part": part,
            "e164": parsed.e164,
            "region": parsed.region,
            "kind": parsed.kind,
            "area_code": parsed.area_code,
        }
        for part, parsed in enumerate(numbers, start=int(len(numbers) > 1))
    ]


def _check_cells(record: Record, cells: dict[str, str], *, width: int) -> None:
    if record.problem:
        raise _LineRefused(record.problem)
    if any(record.cells[width:]):
        raise _LineRefused(
            f"This line has {len(record.cells)} cells, the file has {width} column{'s' if width > 1 else ''}. "
            "Put quotation marks round a cell that holds a separator."
        )
    harmed = next((name for name, cell in cells.items() if REPLACEMENT in cell and name != "label"), "")
    if harmed:
        raise _LineRefused(
            f"The {harmed} has a character that the encoding of the file does not have: “{REPLACEMENT}”."
        )


def _get_note(label: str) -> str:
    if REPLACEMENT not in label:
        return ""
    return f"The label has a character that the encoding of the file does not have. It is shown as “{REPLACEMENT}”."


def _parse_label(text: str) -> str:
    label = clean_label(text)
    if len(label) > 80:
        raise _LineRefused(f"The label has {len(label)} characters. It may have 80.")
    return label


def _parse_source(text: str) -> str:
    source = parse_source(text)
    if text and not source:
        raise _LineRefused(f"The source is “{text[:40]}”. It can be native or BYOC.")
    return source


def _parse_campaign(name: str, campaigns: dict[str, int]) -> int | None:
    campaign = campaigns.get(name) or campaigns.get(name.casefold())
    if name and not campaign:
        raise _LineRefused(f"There is no campaign “{name[:80]}”. Add it first, or leave the cell empty.")
    return campaign


def compare_with_existing(number_import: NumberImport, rows: list[dict[str, Any]]) -> None:
    """Set the outcome of each row of a chunk by the lines before it and the account's numbers; two queries."""
    e164s = [row["e164"] for row in rows if row["e164"]]
    first_lines = dict(number_import.rows.filter(e164__in=in_list(e164s)).values_list("e164", "line"))
    numbers = PhoneNumber.objects.filter(account=number_import.account_id, e164__in=in_list(e164s))
    fields = ("pk", "label", "source", "campaign_id", "removed_at")
    existing = {e164: ExistingNumber(*values) for e164, *values in numbers.values_list("e164", *fields)}
    for row in rows:
        if row["outcome"] != Outcome.REFUSED:
            _set_outcome(row, first_lines, existing.get(row["e164"]))


def _set_outcome(row: dict[str, Any], first_lines: dict[Any, int], existing: ExistingNumber | None) -> None:
    """Set the outcome of a valid row. An empty cell keeps the number's value."""
    if row["e164"] in first_lines:
        row |= ROW_DEFAULTS | {
            "number_import_id": row["number_import_id"],
            "line": row["line"],
            "part": row["part"],
            "raw_text": row["e164"] if row["part"] else row["raw_text"],
            "outcome": Outcome.REFUSED,
            "reason": f"The same number as in line {first_lines[row['e164']]:,}, which counts.",
        }
        return
    first_lines[row["e164"]] = row["line"]
    if not row["part"]:
        row["raw_text"] = ""
    if existing is None:
        row["source"] = row["source"] or PhoneNumber.Source.NATIVE
        return
    row["label"] = row["label"] or existing.label
    row["source"] = row["source"] or existing.source
    row["campaign_id"] = row["campaign_id"] or existing.campaign_id
    row |= {
        "number_id": existing.pk,
        "previous_label": existing.label,
        "previous_source": existing.source,
        "previous_campaign_id": existing.campaign_id,
    }
    if existing.removed_at:
        row["outcome"] = Outcome.RESTORED
    elif (row["label"], row["source"], row["campaign_id"]) == (existing.label, existing.source, existing.campaign_id):
        row["outcome"] = Outcome.UNCHANGED
    else:
        row["outcome"] = Outcome.CHANGED
