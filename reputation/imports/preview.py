"""An import as pages show it: its lines by outcome, the columns that were read, and the counts in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
            lines = number_import.rows.filter(outcome=outcome).select_related("campaign").order_by("line")
            groups.append(OutcomeGroup(outcome, label, counts[outcome], list(lines[:MAX_LINES])))
    rows = [row for group in groups for row in group.rows]
    campaigns = Campaign.objects.in_bulk({row.previous_campaign_id for row in rows if row.previous_campaign_id})
    for row in rows:
        row.previous_campaign = campaigns.get(row.previous_campaign_id) if row.previous_campaign_id else None
    return groups


def get_columns(number_import: NumberImport) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the columns that were read, as (name, heading), and the headings of those that were not."""
    headings, columns = number_import.headings, number_import.columns
    read = [(name, headings[index]) for name, index in columns.items()] if headings else []
    return read, [heading for index, heading in enumerate(headings) if index not in columns.values() and heading]


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
    last = 0
    lines = number_import.rows.filter(outcome__in=(Outcome.REFUSED, Outcome.SKIPPED)).order_by("line")
    while chunk := list(lines.filter(line__gt=last).values_list("line", "raw_text", "e164", "reason")[:CHUNK]):
        for line, raw_text, e164, reason in chunk:
            yield line, raw_text or e164, reason
        last = chunk[-1][0]
