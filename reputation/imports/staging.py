"""A line of an import becomes a staged row: what it says, and what will therefore happen to its number."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from portal.db.in_list import in_list
from portal.phone.numbers import InvalidPhoneNumber, ParsedNumber
from reputation.imports.csv_reader import CSVRecord
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

# Every column of a staged row, empty: rows that are inserted together name the same ones.
ROW_DEFAULTS: dict[str, Any] = {
    field.attname: field.get_default() for field in ImportRow._meta.concrete_fields if not field.primary_key
} | {"outcome": Outcome.NEW}


class ExistingNumber(NamedTuple):
    """A number as it was when its line was read."""

    pk: int
    label: str
    source: str
    campaign_id: int | None
    removed_at: datetime | None


def get_campaign_ids(account_id: int) -> dict[str, int]:
    """The account's campaigns by name, as written and in lower case."""
    names = dict(Campaign.objects.for_account(account_id).values_list("name", "pk"))
    return {name.casefold(): pk for name, pk in names.items()} | names


class _LineRefused(ValueError):
    """This line is left out; the message says why."""


def build_row(record: CSVRecord, batch: NumberImport, campaigns: dict[str, int]) -> dict[str, Any]:
    """The row for this record, as far as the file alone says what it is: new with what its cells hold, or refused."""
    cells = {
        name: unescape_formula(record.cells[place]) if place < len(record.cells) else ""
        for name, place in batch.columns.items()
    }
    row = ROW_DEFAULTS | {
        "batch_id": batch.pk,
        "line": record.line,
        "text": (clean_label(cells["number"]) or record.cells[0])[:80],
    }
    try:
        _check_cells(record, width=len(batch.headings) or batch.columns["number"] + 1)
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


def _check_cells(record: CSVRecord, *, width: int) -> None:
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


def compare_with_existing(batch: NumberImport, rows: list[dict[str, Any]]) -> None:
    """Says in each row what will happen: compares a chunk with the lines before it and with the numbers there are.

    Two queries, however many rows.
    """
    wanted = [row["e164"] for row in rows if row["e164"]]
    first_lines = dict(batch.rows.filter(e164__in=in_list(wanted)).values_list("e164", "line"))
    there = {
        e164: ExistingNumber(*rest)
        for e164, *rest in PhoneNumber.objects.filter(account=batch.account_id, e164__in=in_list(wanted)).values_list(
            "e164", "pk", "label", "source", "campaign_id", "removed_at"
        )
    }
    for row in rows:
        if row["outcome"] != Outcome.REFUSED:
            _set_outcome(row, first_lines, there.get(row["e164"]))


def _set_outcome(row: dict[str, Any], first_lines: dict[str, int], seen: ExistingNumber | None) -> None:
    """What will happen to this number. An empty cell takes nothing away: it keeps what the number has."""
    if row["e164"] in first_lines:
        row |= ROW_DEFAULTS | {
            "batch_id": row["batch_id"],
            "line": row["line"],
            "text": row["text"],
            "outcome": Outcome.REFUSED,
            "reason": f"The same number as in line {first_lines[row['e164']]:,}, which counts.",
        }
        return
    first_lines[row["e164"]] = row["line"]
    row["text"] = ""
    if seen is None:
        row["source"] = row["source"] or PhoneNumber.Source.NATIVE
        return
    row["label"] = row["label"] or seen.label
    row["source"] = row["source"] or seen.source
    row["campaign_id"] = row["campaign_id"] or seen.campaign_id
    row |= {
        "number_id": seen.pk,
        "seen_label": seen.label,
        "seen_source": seen.source,
        "seen_campaign_id": seen.campaign_id,
    }
    if seen.removed_at:
        row["outcome"] = Outcome.BACK
    elif (row["label"], row["source"], row["campaign_id"]) == (seen.label, seen.source, seen.campaign_id):
        row["outcome"] = Outcome.UNCHANGED
    else:
        row["outcome"] = Outcome.CHANGED
