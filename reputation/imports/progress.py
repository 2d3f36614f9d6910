"""What every step of an import needs: its counts, its claim, and its audit events."""

from __future__ import annotations

from portal import audit
from portal.audit import Context
from portal.jobs.claims import RowClaim
from reputation.models import ImportRow, NumberImport

Outcome = ImportRow.Outcome
Claim = RowClaim[NumberImport]

# Lines that are read, and numbers that are applied, in one transaction.
CHUNK = 4_000

# Which count of the import each outcome goes into.
COUNT_FIELD_BY_OUTCOME = {
    Outcome.NEW: "will_add",
    Outcome.RESTORED: "will_restore",
    Outcome.CHANGED: "will_change",
    Outcome.UNCHANGED: "unchanged",
    Outcome.REFUSED: "refused",
}

# What reading the file counts.
READ_COUNTS = (*COUNT_FIELD_BY_OUTCOME.values(), "non_us", "from_ranges", "harmed", "lines_read")

# All counts, without the state and the lease, which another process may have changed meanwhile.
COUNT_FIELDS = (
    *COUNT_FIELD_BY_OUTCOME.values(),
    "non_us",
    "from_ranges",
    "harmed",
    "added",
    "restored",
    "changed",
    "skipped",
)


def record_event(batch: NumberImport, code: str, *, context: Context, after: str = "", reason: str = "") -> None:
    audit.record_event(account=batch.account, context=context, code=code, subject=batch, after=after, reason=reason)


def delete_files(batch: NumberImport) -> None:
    """Delete the uploaded file and its table file."""
    names = NumberImport.objects.filter(pk=batch.pk).values_list("file", "table_file").first() or ()
    for name in filter(None, names):
        batch.file.storage.delete(name)
    NumberImport.objects.filter(pk=batch.pk).update(file="", table_file="")
    batch.file = batch.table_file = ""
