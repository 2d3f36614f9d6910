"""Turn a line of an import into a staged row: its parsed values, and the outcome for its number."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from portal.db.in_list import in_list
from portal.phone.numbers import InvalidPhoneNumber, ParsedNumber
from portal.files.records import Record
from reputation.models import Campaign, ImportRow, NumberImport, PhoneNumber
from reputation.numbers.export import unescape_formula
from reputation.phone_numbers import clean_label, parse_caller_id

Outcome = ImportRow.Outcome

SOURCE_ALIASES = {
    "native": PhoneNumber.Source.NATIVE,
    "internal": PhoneNumber.Source.NATIVE,
    "byoc": PhoneNumber.Source.BYOC,
    "byocp": PhoneNumber.Source.BYOC,
    "byocc": PhoneNumber.Source.BYOC,
    "bringyourowncarrier": PhoneNumber.Source.BYOC,
    "carrier": PhoneNumber.Source.BYOC,
    "external": PhoneNumber.Source.BYOC,
}
SCIENTIFIC_NOTATION = re.compile(r"\d([.,]\d+)?E\+?\d+", re.IGNORECASE)

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


def build_row(record: Record, number_import: NumberImport, campaigns: dict[str, int]) -> dict[str, Any]:
    """Return the row of a record, judged by the file alone: new, or refused. See compare_with_existing."""
    cells = {
        name: unescape_formula(record.cells[index]) if index < len(record.cells) else ""
        for name, index in number_import.columns.items()
    }
    row = ROW_DEFAULTS | {
        "number_import_id": number_import.pk,
        "line": record.first_line,
        "raw_text": (clean_label(cells["number"]) or record.cells[0])[:80],
    }
    try:
        _check_cells(record, width=len(number_import.headings) or number_import.columns["number"] + 1)
        parsed = _parse_number(cells["number"])
        return row | {
            "e164": parsed.e164,
            "region": parsed.region,
            "kind": parsed.kind,
            "area_code": parsed.area_code,
            "label": _parse_label(cells.get("label", "")),
            "source": _parse_source(cells.get("source", "")),
            "campaign_id": _parse_campaign(cells.get("campaign", ""), campaigns),
        }
    except (_LineRefused, InvalidPhoneNumber) as error:
        return row | {"outcome": Outcome.REFUSED, "reason": str(error)[:200]}


def _check_cells(record: Record, *, width: int) -> None:
    if record.problem:
        raise _LineRefused(record.problem)
    if any(record.cells[width:]):
        raise _LineRefused(
            f"This line has {len(record.cells)} cells, the file has {width} column{'s' if width > 1 else ''}. "
            "Put quotation marks round a cell that holds a separator."
        )


def _parse_number(text: str) -> ParsedNumber:
    if SCIENTIFIC_NOTATION.fullmatch(text):
        raise _LineRefused(
            "A spreadsheet shortened this number, and its last digits are lost. Make the column text first."
        )
    return parse_caller_id(text)


def _parse_label(text: str) -> str:
    label = clean_label(text)
    if len(label) > 80:
        raise _LineRefused(f"The label has {len(label)} characters. It may have 80.")
    return label


def _parse_source(text: str) -> str:
    plain = re.sub(r"[^a-z]", "", text.casefold())
    if text and plain not in SOURCE_ALIASES:
        raise _LineRefused(f"The source is “{text[:40]}”. It can be native or BYOC.")
    return SOURCE_ALIASES[plain] if text else ""


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
            "raw_text": row["raw_text"],
            "outcome": Outcome.REFUSED,
            "reason": f"The same number as in line {first_lines[row['e164']]:,}, which counts.",
        }
        return
    first_lines[row["e164"]] = row["line"]
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
