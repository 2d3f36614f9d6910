"""What a confirmed bulk action did, or how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reputation.bulk_actions.labels import ACTION_LABELS, get_action_labels
from reputation.bulk_actions.selection import get_matching_numbers
from reputation.labels import format_number_count
from reputation.models import BulkAction, BulkActionNumber, PhoneNumber

MAX_LISTED = 5


@dataclass(frozen=True)
class BulkActionResult:
    """What was done; numbers that were skipped, and numbers that match now and are not in the snapshot."""

    summary: str
    follow_up: str
    skipped_count: int
    first_skipped: list[PhoneNumber]
    newly_matching_count: int
    first_newly_matching: list[PhoneNumber]


def get_result(bulk_action: BulkAction) -> BulkActionResult:
    skipped = bulk_action.numbers.filter(outcome=BulkActionNumber.Outcome.SKIPPED).select_related("number")
    first_skipped = skipped.order_by("number")[:MAX_LISTED] if bulk_action.skipped_count else []
    return BulkActionResult(
        summary=describe_progress(bulk_action),
        follow_up=_get_follow_up(bulk_action),
        skipped_count=bulk_action.skipped_count,
        first_skipped=[row.number for row in first_skipped],
        newly_matching_count=bulk_action.newly_matching_count,
        first_newly_matching=list(PhoneNumber.objects.filter(pk__in=bulk_action.newly_matching_ids).order_by("pk")),
    )


def _get_follow_up(bulk_action: BulkAction) -> str:
    if bulk_action.ended_count:
        return f"Monitoring ended for {format_number_count(bulk_action.ended_count)}: no seat was free."
    if not bulk_action.applied_count:
        return ""
    labels = get_action_labels(bulk_action.action)
    return labels.afterwards_of_one if bulk_action.applied_count == 1 else labels.afterwards


def describe_progress(bulk_action: BulkAction) -> str:
    """What a confirmed bulk action did, or how far it is, in a sentence."""
    done = f"{ACTION_LABELS[bulk_action.action].done} {format_number_count(bulk_action.applied_count)}"
    if bulk_action.is_preparing:
        return f"Being prepared: {format_number_count(bulk_action.selected_count)} so far."
    if bulk_action.is_stopped:
        return f"It was stopped. {done} of {bulk_action.total_count:,}."
    if bulk_action.state == BulkAction.State.APPLYING:
        return f"Under way: {bulk_action.processed_count:,} of {format_number_count(bulk_action.total_count)}."
    return f"{done}." if bulk_action.applied_count else "Nothing was changed."


def get_newly_matching(bulk_action: BulkAction, now: datetime) -> tuple[int, list[int]]:
    """Where all that match were selected: how many match now that are not in the snapshot, and the first ids."""
    if not bulk_action.selects_all_matching:
        return 0, []
    matching = get_matching_numbers(bulk_action, now).exclude(pk__in=bulk_action.numbers.values("number"))
    first_ids = list(matching.order_by("pk").values_list("pk", flat=True)[:MAX_LISTED])
    return matching.count() if first_ids else 0, first_ids
