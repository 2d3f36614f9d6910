"""What a preview showed is written to the numbers, a chunk of staged rows at a time, each kind in a few statements."""

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
    Outcome.BACK: "Somebody else added this number again after the preview.",
    Outcome.CHANGED: "Somebody else changed or removed this number after the preview.",
}


@dataclass(frozen=True)
class ApplyResult:
    """How many numbers were added, changed, brought back, and left alone."""

    added: int
    changed: int
    brought_back: int
    left_alone: int


def apply_rows(batch: NumberImport, chunk: QuerySet[ImportRow], *, context: Context, reason: str) -> ApplyResult:
    """Writes those that stand as the preview saw them, with an audit event for each; the others are left alone.

    Call it in a transaction that holds the account, in which numbers are added by one at a time.
    """
    left_alone = _skip_conflicts(batch.account_id, chunk)
    value = Value(reason)
    return ApplyResult(
        added=_add_numbers(batch.account_id, chunk.filter(outcome=Outcome.NEW), context=context, reason=value),
        changed=_change_numbers(batch, chunk.filter(outcome=Outcome.CHANGED), context=context, reason=value),
        brought_back=_restore_numbers(batch, chunk.filter(outcome=Outcome.BACK), context=context, reason=value),
        left_alone=left_alone,
    )


def _skip_conflicts(account_id: int, chunk: QuerySet[ImportRow]) -> int:
    """Marks those whose number is no longer as the preview saw it."""
    numbers = PhoneNumber.objects.select_for_update(of=("self",))
    list(numbers.filter(pk__in=chunk.filter(number__isnull=False).values("number")).order_by("pk").values_list("pk"))
    there = PhoneNumber.objects.filter(account=account_id, e164=OuterRef("e164"))
    itself = PhoneNumber.objects.filter(pk=OuterRef("number"))
    as_seen = itself.alias(in_campaign=Coalesce("campaign_id", 0)).filter(
        removed_at__isnull=True,
        label=OuterRef("seen_label"),
        source=OuterRef("seen_source"),
        in_campaign=Coalesce(OuterRef("seen_campaign_id"), 0),
    )
    otherwise = {
        Outcome.NEW: Exists(there),
        Outcome.BACK: ~Exists(itself.filter(removed_at__isnull=False)),
        Outcome.CHANGED: ~Exists(as_seen),
    }
    return sum(
        chunk.filter(condition, outcome=outcome).update(outcome=Outcome.LEFT_ALONE, reason=SKIP_REASONS[outcome])
        for outcome, condition in otherwise.items()
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
    audit.record_changes(numbers, context=context, what="number.added", label="e164", after="label", reason=reason)
    return added


def _change_numbers(batch: NumberImport, rows: QuerySet[ImportRow], *, context: Context, reason: Value) -> int:
    """One event for each field that differs, as where a person changes a number."""
    numbers = _with_new_values(batch, rows)
    audit.record_changes(
        numbers.exclude(label=F("new_label")),
        what="number.changed",
        before="label",
        after="new_label",
        context=context,
        label="e164",
        reason=reason,
    )
    audit.record_changes(
        numbers.exclude(source=F("new_source")),
        what="number.changed",
        before=_get_source_label("source"),
        after=_get_source_label("new_source"),
        context=context,
        label="e164",
        reason=reason,
    )
    moved = numbers.alias(was_in=Coalesce("campaign_id", 0), will_be_in=Coalesce("new_campaign", 0))
    audit.record_changes(
        moved.exclude(was_in=F("will_be_in")),
        what="number.campaign",
        before=CAMPAIGN_NAME,
        after=Coalesce(Subquery(Campaign.objects.filter(pk=OuterRef("new_campaign")).values("name")), Value("")),
        context=context,
        label="e164",
        reason=reason,
    )
    return _update_numbers(batch, rows, context.now)


def _restore_numbers(batch: NumberImport, rows: QuerySet[ImportRow], *, context: Context, reason: Value) -> int:
    audit.record_changes(
        _with_new_values(batch, rows),
        context=context,
        what="number.restored",
        label="e164",
        after="new_label",
        reason=reason,
    )
    return _update_numbers(batch, rows, context.now, removed_at=None, added_at=context.now)


def _with_new_values(batch: NumberImport, rows: QuerySet[ImportRow]) -> QuerySet[PhoneNumber]:
    row = _get_import_row(batch)
    return PhoneNumber.objects.filter(pk__in=rows.values("number")).annotate(
        new_label=Subquery(row.values("label")),
        new_source=Subquery(row.values("source")),
        new_campaign=Subquery(row.values("campaign_id")),
    )


def _update_numbers(batch: NumberImport, rows: QuerySet[ImportRow], now: datetime, **also: Any) -> int:
    row = _get_import_row(batch)
    numbers = PhoneNumber.objects.filter(pk__in=rows.values("number"))
    written = numbers.update(
        label=Subquery(row.values("label")),
        source=Subquery(row.values("source")),
        campaign=Subquery(row.values("campaign_id")),
        **also,
    )
    daily_limit.recompute(numbers, account_id=batch.account_id, now=now)
    return written


def _get_import_row(batch: NumberImport) -> QuerySet[ImportRow]:
    """A number's row in this import, found by the number: the import stands as a sum, since by its index all rows of a
    chunk would be gone through for each number."""
    by_number = ImportRow.objects.filter(number=OuterRef("pk"))
    return by_number.alias(no_index_batch=F("batch") + 0).filter(no_index_batch=batch.pk)


def _get_source_label(source: str) -> Case:
    words = (When(**{source: value}, then=Value(word)) for value, word in PhoneNumber.Source.choices)
    return Case(*words, default=Value(""), output_field=CharField())
