"""What a page says of an import: its lines by what happens to them, which columns were read, the counts in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reputation.models import Campaign, ImportRow, NumberImport

State = NumberImport.State
Outcome = ImportRow.Outcome

# So many lines of each outcome are shown.
MAX_LINES = 20
# So many refused lines are read at once.
CHUNK = 4_000

# The groups of a preview in the order of the page: words, icon, tone.
OUTCOME_LABELS = {
    Outcome.REFUSED: ("Refused", "triangle-alert", "bad"),
    Outcome.LEFT_ALONE: ("Left alone", "circle-minus", "wait"),
    Outcome.NEW: ("New", "plus", "good"),
    Outcome.BACK: ("Come back with their history", "history", "good"),
    Outcome.CHANGED: ("Changed", "pencil", "wait"),
    Outcome.UNCHANGED: ("Unchanged", "check", "calm"),
}


@dataclass(frozen=True)
class OutcomeGroup:
    """The lines that have one outcome: how many, and the first of them."""

    outcome: str
    words: str
    icon: str
    tone: str
    count: int
    rows: list[ImportRow]

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def get_outcome_groups(batch: NumberImport) -> list[OutcomeGroup]:
    """What will happen, or what was left out, by outcome: a query for each and one more, and at most SHOWN lines."""
    counts = {
        Outcome.REFUSED: batch.refused,
        Outcome.LEFT_ALONE: batch.left_alone,
        Outcome.NEW: batch.will_add,
        Outcome.BACK: batch.will_bring_back,
        Outcome.CHANGED: batch.will_change,
        Outcome.UNCHANGED: batch.unchanged,
    }
    groups = [
        OutcomeGroup(
            outcome,
            words,
            icon,
            tone,
            counts[outcome],
            list(batch.rows.filter(outcome=outcome).select_related("campaign").order_by("line")[:MAX_LINES]),
        )
        for outcome, (words, icon, tone) in OUTCOME_LABELS.items()
        if counts[outcome]
    ]
    rows = [row for group in groups for row in group.rows]
    campaigns = Campaign.objects.in_bulk({row.seen_campaign_id for row in rows if row.seen_campaign_id})
    for row in rows:
        row.seen_campaign = campaigns.get(row.seen_campaign_id)
    return groups


def get_columns(batch: NumberImport) -> tuple[list[tuple[str, str]], list[str]]:
    """Which heading was read as what, and the headings that were not read."""
    read = [(name, batch.headings[place]) for name, place in batch.columns.items()] if batch.headings else []
    places = batch.columns.values()
    return read, [heading for place, heading in enumerate(batch.headings) if place not in places and heading]


def format_summary(batch: NumberImport) -> str:
    """The counts in words: 3 new, 1 changed, 2 unchanged, 4 refused; once it is confirmed, of what was done."""
    if batch.state in (State.APPLYING, State.DONE, State.STOPPED) and batch.confirmed_at:
        counts = (
            (batch.added, "added"),
            (batch.brought_back, "brought back"),
            (batch.changed, "changed"),
            (batch.left_alone, "left alone"),
        )
    else:
        counts = ((batch.will_add, "new"), (batch.will_bring_back, "come back"), (batch.will_change, "changed"))
    counts = (*counts, (batch.unchanged, "unchanged"), (batch.refused, "refused"))
    return ", ".join(f"{count:,} {words}" for count, words in counts if count) or "nothing"


def iter_refused_lines(batch: NumberImport) -> Iterator[tuple[object, ...]]:
    """Every refused line, with what stands in it and why, as rows of a CSV file; CHUNK at a time by key."""
    yield "line", "number", "reason"
    last = 0
    left_out = batch.rows.filter(outcome__in=(Outcome.REFUSED, Outcome.LEFT_ALONE)).order_by("line")
    while chunk := list(left_out.filter(line__gt=last).values_list("line", "text", "e164", "reason")[:CHUNK]):
        for line, text, e164, reason in chunk:
            yield line, text or e164, reason
        last = chunk[-1][0]
