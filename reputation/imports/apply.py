"""Apply staged rows to the account's numbers, a chunk at a time, with a few statements for each outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Exists, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_from
from reputation.campaigns import CAMPAIGN_NAME
from reputation.matching import daily_limit
from reputation.models import Campaign, ImportRow, NumberImport, PhoneNumber

Outcome = ImportRow.Outcome

SKIP_REASONS = {
    Outcome.NEW: "Somebody else added this number after the preview.",
    Outcome.RESTORED: "Somebody else added this number again after the preview.",
    Outcome.CHANGED: "Somebody else changed or removed this number after the preview.",
}


@dataclass(frozen=True)
class ApplyResult:
    """How many numbers were added, changed, restored and skipped. The names are fields of NumberImport."""

    added: int
    changed: int
    restored: int
    skipped: int


def apply_rows(
    number_import: NumberImport, chunk: QuerySet[ImportRow], *, context: Context, reason: str
) -> ApplyResult:
    """Apply the rows whose number is still as the preview saw it, with an audit event for each; skip the others.

    Call it in a transaction that locks the account, so that nobody else adds numbers meanwhile.
    """
    skipped = _skip_conflicts(number_import.account_id, chunk)
    value = Value(reason)
    return ApplyResult(
        added=_add_numbers(number_import.account_id, chunk.filter(outcome=Outcome.NEW), context=context, reason=value),
        changed=_change_numbers(number_import, chunk.filter(outcome=Outcome.CHANGED), context=context, reason=value),
        restored=_restore_numbers(number_import, chunk.filter(outcome=Outcome.RESTORED), context=context, reason=value),
        skipped=skipped,
    )


def _skip_conflicts(account_id: int, chunk: QuerySet[ImportRow]) -> int:
    """Mark the rows whose number is no longer as the preview saw it, and return how many."""
    numbers = PhoneNumber.objects.select_for_update(of=("self",))
    list(numbers.filter(pk__in=chunk.filter(number__isnull=False).values("number")).order_by("pk").values_list("pk"))
    existing = PhoneNumber.objects.filter(account=account_id, e164=OuterRef("e164"))
    number = PhoneNumber.objects.filter(pk=OuterRef("number"))
    unchanged = number.alias(in_campaign=Coalesce("campaign_id", 0)).filter(
        removed_at__isnull=True,
        label=OuterRef("previous_label"),
        source=OuterRef("previous_source"),
        in_campaign=Coalesce(OuterRef("previous_campaign_id"), 0),
    )
    conflicts = {
        Outcome.NEW: Exists(existing),
        Outcome.RESTORED: ~Exists(number.filter(removed_at__isnull=False)),
        Outcome.CHANGED: ~Exists(unchanged),
    }
    return sum(
        chunk.filter(condition, outcome=outcome).update(outcome=Outcome.SKIPPED, reason=SKIP_REASONS[outcome])
        for outcome, condition in conflicts.items()
    )


def _add_numbers(account_id: int, rows: QuerySet[ImportRow], *, context: Context, reason: Value) -> int:
    added = insert_from(
        PhoneNumber,
        rows,
        account_id=Value(account_id),
        e164="e164",
        region="region",
        kind="kind",
        area_code="area_code",
        label="label",
        source="source",
        campaign_id="campaign_id",
        added_at=Value(context.now),
        capability=Value(PhoneNumber.Capability.OFF.value),
        capability_since=Value(context.now),
        capability_reason=Value(""),
        spam_status=Value(PhoneNumber.SpamStatus.NOT_MONITORED.value),
        lease_token=Value(""),
        attempts=Value(0),
    )
    numbers = PhoneNumber.objects.filter(account=account_id, e164__in=rows.values("e164"))
    audit.record_changes(numbers, context=context, code="number.added", label="e164", after="label", reason=reason)
    return added


def _change_numbers(number_import: NumberImport, rows: QuerySet[ImportRow], *, context: Context, reason: Value) -> int:
    """Change the numbers, with one audit event for each field that differs, as phone_numbers.change records them."""
    numbers = _with_new_values(number_import, rows)
    audit.record_changes(
        numbers.exclude(label=F("new_label")),
        code="number.changed",
        before="label",
        after="new_label",
        context=context,
        label="e164",
        reason=reason,
    )
    audit.record_changes(
        numbers.exclude(source=F("new_source")),
        code="number.changed",
        before=_get_source_label("source"),
        after=_get_source_label("new_source"),
        context=context,
        label="e164",
        reason=reason,
    )
    moved = numbers.alias(from_campaign=Coalesce("campaign_id", 0), to_campaign=Coalesce("new_campaign", 0))
    audit.record_changes(
        moved.exclude(from_campaign=F("to_campaign")),
        code="number.campaign",
        before=CAMPAIGN_NAME,
        after=Coalesce(Subquery(Campaign.objects.filter(pk=OuterRef("new_campaign")).values("name")), Value("")),
        context=context,
        label="e164",
        reason=reason,
    )
    return _update_numbers(number_import, rows, context.now)


def _restore_numbers(number_import: NumberImport, rows: QuerySet[ImportRow], *, context: Context, reason: Value) -> int:
    audit.record_changes(
        _with_new_values(number_import, rows),
        context=context,
        code="number.restored",
        label="e164",
        after="new_label",
        reason=reason,
    )
    return _update_numbers(number_import, rows, context.now, removed_at=None, added_at=context.now)


def _with_new_values(number_import: NumberImport, rows: QuerySet[ImportRow]) -> QuerySet[PhoneNumber]:
    row = _get_import_row(number_import)
    return PhoneNumber.objects.filter(pk__in=rows.values("number")).annotate(
        new_label=Subquery(row.values("label")),
        new_source=Subquery(row.values("source")),
        new_campaign=Subquery(row.values("campaign_id")),
    )


def _update_numbers(number_import: NumberImport, rows: QuerySet[ImportRow], now: datetime, **extra_fields: Any) -> int:
    row = _get_import_row(number_import)
    numbers = PhoneNumber.objects.filter(pk__in=rows.values("number"))
    updated = numbers.update(
        label=Subquery(row.values("label")),
        source=Subquery(row.values("source")),
        campaign=Subquery(row.values("campaign_id")),
        **extra_fields,
    )
    daily_limit.recompute(numbers, account_id=number_import.account_id, now=now)
    return updated


def _get_import_row(number_import: NumberImport) -> QuerySet[ImportRow]:
    """Return the row of the outer query's number in this import.

    `+ 0` keeps the planner off the index of the import, which would scan the whole chunk for every number.
    """
    by_number = ImportRow.objects.filter(number=OuterRef("pk"))
    return by_number.alias(no_index_import=F("number_import") + 0).filter(no_index_import=number_import.pk)


def _get_source_label(source: str) -> Case:
    labels = (When(**{source: value}, then=Value(label)) for value, label in PhoneNumber.Source.choices)
    return Case(*labels, default=Value(""), output_field=CharField())
