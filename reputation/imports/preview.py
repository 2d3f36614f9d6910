"""An import as pages show it: its lines by outcome, the columns that were read, and the counts in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, Q

from reputation.imports.columns import IGNORE
from reputation.imports.headings import MAX_COLUMNS
from reputation.labels import StatusLabel
from reputation.models import Campaign, ImportRow, NumberImport

State = NumberImport.State
Outcome = ImportRow.Outcome

# Lines shown of each outcome.
MAX_LINES = 20
# Refused lines read in one query.
CHUNK = 4_000

# In the order of the page.
OUTCOME_LABELS = {
    Outcome.REFUSED: StatusLabel("Refused", "bad", "triangle-alert"),
    Outcome.SKIPPED: StatusLabel("Left alone", "wait", "circle-minus"),
    Outcome.NEW: StatusLabel("New", "good", "plus"),
    Outcome.RESTORED: StatusLabel("Come back with their history", "good", "history"),
    Outcome.CHANGED: StatusLabel("Changed", "wait", "pencil"),
    Outcome.UNCHANGED: StatusLabel("Unchanged", "calm", "check"),
}


@dataclass(frozen=True)
class OutcomeGroup:
    """The lines with one outcome: how many, and the first of them."""

    outcome: str
    label: StatusLabel
    count: int
    rows: list[ImportRow]

    @property
    def remaining(self) -> int:
        return self.count - len(self.rows)


def get_outcome_groups(number_import: NumberImport) -> list[OutcomeGroup]:
    """Return the import's lines by outcome, without empty groups; at most one query for each group and one more."""
    counts = {
        Outcome.REFUSED: number_import.refused,
        Outcome.SKIPPED: number_import.skipped,
        Outcome.NEW: number_import.will_add,
        Outcome.RESTORED: number_import.will_restore,
        Outcome.CHANGED: number_import.will_change,
        Outcome.UNCHANGED: number_import.unchanged,
    }
    groups = []
    for outcome, label in OUTCOME_LABELS.items():
        if counts[outcome]:
            lines = number_import.rows.filter(outcome=outcome).select_related("campaign").order_by("line", "part")
            groups.append(OutcomeGroup(outcome, label, counts[outcome], list(lines[:MAX_LINES])))
    rows = [row for group in groups for row in group.rows]
    campaigns = Campaign.objects.in_bulk({row.previous_campaign_id for row in rows if row.previous_campaign_id})
    for row in rows:
        row.previous_campaign = campaigns.get(row.previous_campaign_id) if row.previous_campaign_id else None
    return groups


@dataclass(frozen=True)
class ColumnView:
    """A column of the file: its position (from 1), heading, role, first cells, and why it is ignored."""

    position: int
    heading: str
    role: str
    note: str
    cells: list[str]

    @property
    def title(self) -> str:
        return self.heading or f"Column {self.position}"


def get_columns(number_import: NumberImport) -> list[ColumnView]:
    """Return the columns of the file, those beyond MAX_COLUMNS left out."""
    roles = {index: role for role, index in number_import.columns.items()}
    headings, sample = number_import.headings, number_import.sample
    return [
        ColumnView(
            position=index + 1,
            heading=headings[index] if index < len(headings) else "",
            role=roles.get(index, IGNORE),
            note=number_import.column_notes.get(str(index), ""),
            cells=[cells[index] if index < len(cells) else "" for cells in sample],
        )
        for index in range(min(number_import.width, MAX_COLUMNS))
    ]


def get_lines_with_notes(number_import: NumberImport) -> list[ImportRow]:
    """Return the first lines with a label that could not be decoded; no query if there are none."""
    if not number_import.harmed:
        return []
    return list(number_import.rows.filter(note__gt="").order_by("line", "part")[:MAX_LINES])


def get_ranges(number_import: NumberImport) -> list[tuple[ImportRow, int]]:
    """Return the first cells that hold several numbers, and how many; no query if there are none."""
    if not number_import.from_ranges:
        return []
    rows = number_import.rows.filter(part__gt=0)
    counts = dict(rows.order_by("line").values_list("line").annotate(Count("pk"))[:MAX_LINES])
    firsts = rows.filter(part=1, line__in=list(counts)).order_by("line")
    return [(row, counts[row.line]) for row in firsts]


def format_summary(number_import: NumberImport) -> str:
    """Return the counts of the preview, or of the result once it is confirmed: "3 new, 1 changed, 4 refused"."""
    if number_import.state in (State.APPLYING, State.DONE, State.STOPPED) and number_import.confirmed_at:
        counts = [
            (number_import.added, "added"),
            (number_import.restored, "brought back"),
            (number_import.changed, "changed"),
            (number_import.skipped, "left alone"),
        ]
    else:
        counts = [
            (number_import.will_add, "new"),
            (number_import.will_restore, "come back"),
            (number_import.will_change, "changed"),
        ]
    counts += [(number_import.unchanged, "unchanged"), (number_import.refused, "refused")]
    return ", ".join(f"{count:,} {name}" for count, name in counts if count) or "nothing"


def iter_refused_lines(number_import: NumberImport) -> Iterator[tuple[object, ...]]:
    """Yield a heading, and every refused or skipped line with the reason, as rows of a CSV file."""
    yield "line", "number", "reason"
    last = (0, 0)
    lines = number_import.rows.filter(outcome__in=(Outcome.REFUSED, Outcome.SKIPPED)).order_by("line", "part")
    while True:
        rest = lines.filter(Q(line__gt=last[0]) | Q(line=last[0], part__gt=last[1]))
        chunk = list(rest.values_list("line", "part", "raw_text", "e164", "reason")[:CHUNK])
        for line, _, raw_text, e164, reason in chunk:
            yield line, raw_text or e164, reason
        if len(chunk) < CHUNK:
            return
        last = chunk[-1][:2]
