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

# All counts, without the state and the lease, which another process may have changed meanwhile.
COUNT_FIELDS = (*COUNT_FIELD_BY_OUTCOME.values(), "non_us", "added", "restored", "changed", "skipped")


def record_event(batch: NumberImport, code: str, *, context: Context, after: str = "", reason: str = "") -> None:
    audit.record_event(account=batch.account, context=context, code=code, subject=batch, after=after, reason=reason)


def delete_file(batch: NumberImport) -> None:
    name = NumberImport.objects.filter(pk=batch.pk).values_list("file", flat=True).first()
    if name:
        batch.file.storage.delete(name)
        NumberImport.objects.filter(pk=batch.pk).update(file="")
        batch.file = ""
