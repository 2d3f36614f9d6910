"""Bulk actions: a confirmation window is bound to what it showed, and does that, once, in chunks.

When a window opens, a snapshot of its numbers is taken, with the refusal of each (snapshot.py). Removing a number,
searching and confirming work on the snapshot, however large it is and whatever changes meanwhile. A number that
somebody else changed between the snapshot and the action is skipped, and the result says so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from portal.audit import Context
from portal.db.in_list import in_list
from portal.jobs.claims import RELEASED, LeaseLost, RowClaim, claim_row
from portal.jobs.runner import BUDGET_SECONDS, enqueue, pause
from portal.models import Account
from reputation import campaigns
from reputation.bulk_actions import snapshot
from reputation.bulk_actions.labels import ACTION_LABELS
from reputation.bulk_actions.result import get_newly_matching
from reputation.bulk_actions.rules import ELIGIBILITY_RULES
from reputation.bulk_actions.selection import pending_numbers
from reputation.models import BulkAction, BulkActionNumber, Campaign, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring import capability, coverage
from reputation.monitoring.eligibility import get_coverage
from reputation.numbers import last_seen

Action = BulkAction.Action
State = BulkAction.State
Outcome = BulkActionNumber.Outcome

# At most so many are processed while the person waits. More go to the workers, with a progress bar.
MAX_SYNCHRONOUS = 1_000
CHUNK = 10_000


def create_bulk_action(
    *,
    account: Account,
    context: Context,
    action: str,
    numbers: PhoneNumberQuerySet,
    campaign: Campaign | None = None,
    selects_all_matching: bool = False,
    filter_query: str = "",
    excluded_ids: Sequence[int] = (),
    expected_count: int | None = None,
    apply_immediately: bool = False,
    reason: str = "",
    max_ending: int = 0,
) -> BulkAction:
    """Take the snapshot of the selected numbers; workers take a large one (see snapshot.py).

    With `selects_all_matching`, `filter_query` is the filter's query string, `excluded_ids` are the numbers that were
    unticked again, and `expected_count` is how many the page counted without these. With `apply_immediately` the
    action is confirmed as soon as the snapshot is complete, because nobody is going to look at it. `max_ending` says
    for how many numbers monitoring may end then, because they leave a campaign and no seat is free.
    """
    with transaction.atomic():
        bulk_action = BulkAction.objects.create(
            account=account,
            user=context.actor.user,
            api_key_id=context.actor.api_key_id,
            action=action,
            campaign=campaign,
            selects_all_matching=selects_all_matching,
            filter_query=filter_query,
            expected_count=expected_count if selects_all_matching else None,
            excluded_ids=list(dict.fromkeys(excluded_ids)),
            apply_immediately=apply_immediately,
            reason=reason,
            max_ending=max_ending,
            free_seats=snapshot.NOT_COUNTED,
            created_at=context.now,
        )
        snapshot.start_snapshot(bulk_action, numbers, now=context.now)
        is_confirmed = apply_immediately and not bulk_action.is_preparing and _mark_confirmed(bulk_action, context)
    if is_confirmed:
        _apply_if_small(bulk_action, context)
    return bulk_action


def prepare(bulk_action: BulkAction, *, now: datetime) -> None:
    """Continue the snapshot. The transaction that completes it confirms an action that is to be applied immediately:
    nobody would confirm it later."""
    context = Context(bulk_action.confirming_actor, now)

    def confirm_immediately() -> None:
        if bulk_action.apply_immediately:
            _mark_confirmed(bulk_action, context)

    if snapshot.continue_snapshot(bulk_action, when_complete=confirm_immediately) and bulk_action.apply_immediately:
        _apply_if_small(bulk_action, context)


def stop(bulk_action: BulkAction, *, now: datetime) -> bool:
    """Leave the rest as it is; what is done stays done. False if it has ended already."""
    unfinished = BulkAction.objects.filter(pk=bulk_action.pk, state__in=(State.PREPARING, State.APPLYING))
    # A worker that holds the action loses it, and changes nothing more.
    stopped = unfinished.update(state=State.DONE, ended_at=now, is_stopped=True, **RELEASED)
    bulk_action.refresh_from_db()
    return bool(stopped)


class ReasonMissing(Exception):
    """The action needs a reason. Nothing was changed."""


def confirm(bulk_action: BulkAction, *, context: Context, reason: str = "", max_ending: int | None = None) -> bool:
    """Do what the window showed. False if it was confirmed before.

    A second click, a reload and a stale window thus change nothing, and show what was done. `max_ending` says for how
    many numbers monitoring may end: as many as the window showed. Raises ReasonMissing if the action needs a reason,
    and has none from its creation either.
    """
    with transaction.atomic():
        is_confirmed = _mark_confirmed(bulk_action, context, reason=reason, max_ending=max_ending)
    if is_confirmed:
        _apply_if_small(bulk_action, context)
    return is_confirmed


def _mark_confirmed(
    bulk_action: BulkAction, context: Context, *, reason: str = "", max_ending: int | None = None
) -> bool:
    """The part of `confirm` that needs a transaction. Once it commits, a sweep does what a killed process leaves."""
    reason = " ".join(reason.split())[:300] or bulk_action.reason
    if ACTION_LABELS[bulk_action.action].reason_question and not reason:
        raise ReasonMissing
    # Locked before it is read, so that a number removed at this moment either is counted or is not.
    BulkAction.objects.select_for_update().filter(pk=bulk_action.pk).first()
    bulk_action.refresh_from_db()
    is_confirmed = BulkAction.objects.filter(pk=bulk_action.pk, state=State.READY).update(
        state=State.APPLYING,
        confirmed_at=context.now,
        reason=reason,
        max_ending=bulk_action.max_ending if max_ending is None else max_ending,
        total_count=bulk_action.refusal_counts.get("", 0),
        user=context.actor.user,
        api_key=context.actor.api_key_id,
    )
    bulk_action.refresh_from_db()
    if is_confirmed and bulk_action.total_count > MAX_SYNCHRONOUS:
        enqueue("reputation.tasks.bulk_actions.apply_bulk_action", bulk_action.pk)
    return bool(is_confirmed)


def _apply_if_small(bulk_action: BulkAction, context: Context) -> None:
    """Apply a confirmed action while the caller waits, unless that would take too long: then a worker does it."""
    if bulk_action.total_count <= MAX_SYNCHRONOUS:
        apply(bulk_action, context=context)


def apply(bulk_action: BulkAction, *, context: Context) -> bool:
    """Apply a confirmed action, chunk by chunk, until it is done (True) or the time is up (False).

    Each chunk commits with how far it came, and only while this worker holds the claim. A killed worker's successor
    continues from there. Returns False immediately if another worker holds it.
    """
    claim = claim_row(BulkAction.objects.in_progress(), bulk_action.pk, now=context.now)
    if claim is None:
        return False
    until = time.monotonic() + BUDGET_SECONDS
    try:
        bulk_action.refresh_from_db(
            fields=("apply_cursor", "applied_count", "skipped_count", "ended_count", "max_ending")
        )
        while apply_chunk(bulk_action, claim, context=context):
            if time.monotonic() > until:
                return False
            pause()
        count, first_ids = get_newly_matching(bulk_action, context.now)
        claim.release(state=State.DONE, ended_at=context.now, newly_matching_count=count, newly_matching_ids=first_ids)
    except LeaseLost:
        pass
    finally:
        claim.release(waiting_since=timezone.now())
    bulk_action.refresh_from_db()
    return bulk_action.state == State.DONE


def apply_chunk(bulk_action: BulkAction, claim: RowClaim[BulkAction], *, context: Context) -> bool:
    """Check each number of the next chunk once more, apply what is still allowed, and mark the rest as skipped.

    False if there are no more numbers. Raises LeaseLost, with nothing changed, if this worker lost its claim.
    """
    with transaction.atomic():
        # Two actions of one account share its seats: one after the other.
        bulk_action.account = coverage.lock_account(bulk_action.account_id)
        ahead = pending_numbers(bulk_action).filter(number__gt=bulk_action.apply_cursor)
        ids = list(ahead.order_by("number").values_list("number", flat=True)[:CHUNK])
        if not ids:
            return False
        allowed = _get_allowed_ids(bulk_action, ids, context.now)
        allowed, ended = _limit_ending(bulk_action, allowed, context.now)
        changed = _change_numbers(bulk_action, allowed, context=context)
        chunk = ahead.filter(number__lte=ids[-1])
        if skipped := len(ids) - len(changed):
            chunk.exclude(number__in=in_list(changed)).update(outcome=Outcome.SKIPPED)
        chunk.update(outcome=Outcome.APPLIED)
        progress = {
            "applied_count": bulk_action.applied_count + len(changed),
            "skipped_count": bulk_action.skipped_count + skipped,
            "ended_count": bulk_action.ended_count + ended,
            "apply_cursor": ids[-1],
        }
        # If another worker took over meanwhile, or the action was stopped, the whole chunk is rolled back.
        if not claim.renew(**progress):
            raise LeaseLost
    for field, value in progress.items():
        setattr(bulk_action, field, value)
    return True


def _change_numbers(bulk_action: BulkAction, ids: list[int], *, context: Context) -> list[int]:
    """Change these numbers; return the ids of those that were changed."""
    if bulk_action.action == Action.ENABLE:
        return capability.enable(ids, context=context)
    if bulk_action.action == Action.DISABLE:
        return capability.disable(ids, context=context)
    if bulk_action.action == Action.UNASSIGN:
        return campaigns.unassign(ids, account_id=bulk_action.account_id, context=context)
    if bulk_action.action == Action.RELEASE:
        return last_seen.release(ids, context=context, reason=bulk_action.reason)
    if bulk_action.campaign is None:
        raise ValueError("Numbers are assigned to a campaign, and this bulk action has none.")
    return campaigns.assign(ids, campaign=bulk_action.campaign, context=context)


def _limit_ending(bulk_action: BulkAction, ids: list[int], now: datetime) -> tuple[list[int], int]:
    """Leave out numbers for which monitoring would end beyond what was confirmed. Return the others, and how many of
    them lose their monitoring."""
    if bulk_action.action != Action.UNASSIGN:
        return ids, 0
    ending = coverage.get_ending_ids(ids, get_coverage(bulk_action.account, now))
    confirmed = max(bulk_action.max_ending - bulk_action.ended_count, 0)
    left_out = set(ending[confirmed:])
    return [pk for pk in ids if pk not in left_out], min(len(ending), confirmed)


def _get_allowed_ids(bulk_action: BulkAction, ids: list[int], now: datetime) -> list[int]:
    """Those without a refusal now; of those that need a seat, as many as there are free seats."""
    rule = ELIGIBILITY_RULES[bulk_action.action](bulk_action.account, bulk_action.campaign, now)
    present = PhoneNumber.objects.for_account(bulk_action.account_id).filter(pk__in=in_list(ids))
    not_refused = rule.annotate(present).filter(refusal="").order_by("pk")
    free_seats = rule.seats
    allowed = []
    for pk, needs_seat in not_refused.values_list("pk", "needs_seat"):
        if needs_seat and free_seats <= 0 and not rule.ends_monitoring:
            continue
        free_seats -= needs_seat
        allowed.append(pk)
    return allowed
