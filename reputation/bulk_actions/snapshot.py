"""The snapshot of a confirmation window: its numbers, with the refusal of each.

A small snapshot is taken when the window opens, a large one by workers, chunk by chunk. A window cannot be confirmed
before its snapshot is complete. Numbers are written in the order of their ids, and a killed worker's successor
continues behind the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Value
from django.utils import timezone

from portal.db.bulk import insert_from
from portal.jobs.claims import RELEASED, claim_row
from portal.jobs.runner import BUDGET_SECONDS, enqueue, pause
from reputation.bulk_actions.rules import ELIGIBILITY_RULES
from reputation.bulk_actions.selection import get_matching_numbers
from reputation.models import BulkAction, BulkActionNumber, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring.eligibility import EligibilityRule

State = BulkAction.State
Outcome = BulkActionNumber.Outcome

# Numbers of one statement and transaction; also the most that a person who opens a window waits for.
CHUNK = 20_000
NO_FREE_SEAT = "no_free_seat"
# The free seats are counted with the first chunk. A worker of the previous release takes what is stored, while an
# upgrade waits for it to end: it then refuses none for lack of a seat, and applying the action checks that again.
NOT_COUNTED = 2_000_000_000


def start_snapshot(bulk_action: BulkAction, numbers: PhoneNumberQuerySet, *, now: datetime) -> None:
    """Take the snapshot of a new bulk action, or queue it for a worker if a person would wait too long for it.

    Call it in the transaction that creates the bulk action.
    """
    has_more = True
    if not bulk_action.selects_all_matching or (bulk_action.expected_count or 0) <= CHUNK:
        rule = ELIGIBILITY_RULES[bulk_action.action](bulk_action.account, bulk_action.campaign, now)
        has_more = snapshot_chunk(bulk_action, numbers, rule)
        # Those that were ticked: a worker could not find them again.
        while has_more and not bulk_action.selects_all_matching:
            has_more = snapshot_chunk(bulk_action, numbers, rule)
    if has_more:
        enqueue("reputation.tasks.bulk_actions.prepare_bulk_action", bulk_action.pk)


def continue_snapshot(bulk_action: BulkAction, *, when_complete: Callable[[], None]) -> bool:
    """Continue the snapshot until it is complete (True) or the time is up.

    Calls `when_complete` in the transaction that completes it. Returns False immediately if another worker holds it,
    and after the current chunk if somebody stops it.
    """
    until = time.monotonic() + BUDGET_SECONDS
    claim = claim_row(BulkAction.objects.preparing(), bulk_action.pk, now=timezone.now())
    if claim is None:
        return False
    try:
        bulk_action.refresh_from_db()
        numbers = get_matching_numbers(bulk_action, bulk_action.created_at, scan_by_id=True)
        rule = ELIGIBILITY_RULES[bulk_action.action](bulk_action.account, bulk_action.campaign, bulk_action.created_at)
        while True:
            with transaction.atomic():
                # The renewal locks the row, so nobody takes over or stops the action until this chunk commits.
                if not claim.renew():
                    return False
                has_more = _snapshot_id_range(bulk_action, numbers, rule)
                if not has_more:
                    when_complete()
            if not has_more:
                return True
            if time.monotonic() > until:
                return False
            pause()
    finally:
        claim.release(waiting_since=timezone.now())


def snapshot_chunk(bulk_action: BulkAction, numbers: PhoneNumberQuerySet, rule: EligibilityRule) -> bool:
    """Write the next chunk of the numbers. False if these were the last, and the window is ready.

    A fixed number of queries.
    """
    ahead = numbers.filter(pk__gt=bulk_action.snapshot_cursor).order_by("pk")[:CHUNK]
    return _write_numbers(bulk_action, ahead, rule)


def _snapshot_id_range(bulk_action: BulkAction, numbers: PhoneNumberQuerySet, rule: EligibilityRule) -> bool:
    """The same for those within the next CHUNK ids of all accounts' numbers, so that each chunk costs the same."""
    ids = PhoneNumber.objects.filter(pk__gt=bulk_action.snapshot_cursor).order_by("pk").values_list("pk", flat=True)
    last_id = ids[CHUNK - 1 : CHUNK].first()
    ahead = numbers.filter(pk__gt=bulk_action.snapshot_cursor)
    if last_id is not None:
        ahead = ahead.filter(pk__lte=last_id)
    return _write_numbers(bulk_action, ahead, rule, last_id=last_id or 0)


def _write_numbers(
    bulk_action: BulkAction, rows: PhoneNumberQuerySet, rule: EligibilityRule, *, last_id: int | None = None
) -> bool:
    """Write these numbers and count them.

    `last_id` is the last id of the range, 0 for the last range. Without it, this is the last chunk if it is not full.
    """
    written = insert_from(
        BulkActionNumber,
        rule.annotate(rows),
        bulk_action_id=Value(bulk_action.pk),
        number_id="pk",
        refusal="refusal",
        needs_seat="needs_seat",
        outcome=Value(""),
    )
    _count_chunk(bulk_action, rule, last_id)
    is_last = written < CHUNK if last_id is None else not last_id
    changed = ["selected_count", "refusal_counts", "free_seats", "snapshot_cursor"]
    if is_last:
        bulk_action.state = State.READY
        bulk_action.lease_until, bulk_action.lease_token = RELEASED["lease_until"], RELEASED["lease_token"]
        changed += ["state", *RELEASED]
    bulk_action.save(update_fields=changed)
    return not is_last


def _count_chunk(bulk_action: BulkAction, rule: EligibilityRule, last_id: int | None) -> None:
    """Count the numbers behind the cursor, give them the free seats, and move the cursor to the last of them."""
    chunk = bulk_action.numbers.filter(number__gt=bulk_action.snapshot_cursor)
    if bulk_action.excluded_ids:
        chunk.filter(number__in=bulk_action.excluded_ids).update(outcome=Outcome.REMOVED)
    kinds = chunk.order_by().values_list("refusal", "needs_seat", "outcome")
    cursor = last_id or bulk_action.snapshot_cursor
    seats_needed = 0
    if not bulk_action.snapshot_cursor:
        bulk_action.free_seats = rule.seats
    for refusal, needs_seat, outcome, count, highest in kinds.annotate(Count("number"), Max("number")):
        cursor = max(cursor, highest)
        if outcome == Outcome.REMOVED:
            continue
        bulk_action.selected_count += count
        bulk_action.add_refused(refusal, count)
        seats_needed += count if needs_seat and not refusal else 0
    if seats_needed > bulk_action.free_seats and not rule.ends_monitoring:
        _refuse_without_seat(bulk_action)
    bulk_action.free_seats = max(bulk_action.free_seats - seats_needed, 0)
    bulk_action.snapshot_cursor = cursor


def _refuse_without_seat(bulk_action: BulkAction) -> None:
    """Of this chunk's numbers that need a seat, the first by id get the free ones. The others are refused."""
    seats = bulk_action.free_seats
    need_seat = bulk_action.numbers.filter(
        number__gt=bulk_action.snapshot_cursor, needs_seat=True, refusal="", outcome=Outcome.PENDING
    )
    first_without = need_seat.order_by("number").values_list("number", flat=True)[seats : seats + 1].get()
    refused = need_seat.filter(number__gte=first_without).update(refusal=NO_FREE_SEAT)
    bulk_action.add_refused("", -refused)
    bulk_action.add_refused(NO_FREE_SEAT, refused)
