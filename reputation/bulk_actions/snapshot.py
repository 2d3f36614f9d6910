"""Writing down what a confirmation window shows: at once where it is little, else by a worker, chunk by chunk.

What is written down stands still: confirming, searching and taking out work on it, whatever changes meanwhile. A
window that is still being prepared cannot be confirmed. Numbers are written down in the order of their ids, and a
worker that dies is followed by one that goes on behind the last.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Max, Value
from django.http import QueryDict
from django.utils import timezone

from portal.db.bulk import insert_from
from portal.jobs.runner import PAUSE_SECONDS, enqueue
from portal.models import Account
from reputation.models import BulkAction, BulkActionNumber, Campaign, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring.eligibility import ELIGIBILITY_RULES, EligibilityRule
from reputation.numbers.filters import NumberFilter

State = BulkAction.State
Outcome = BulkActionNumber.Outcome

# Numbers of one statement and transaction; and the most that somebody who opens a window waits for.
CHUNK = 20_000
LEASE = timedelta(seconds=90)
BUDGET_SECONDS = 50
NO_FREE_SEAT = "no_free_seat"


def get_selectable_numbers(action: str, account: Account, campaign: Campaign | None) -> PhoneNumberQuerySet:
    """The numbers among which the action's table lets one choose."""
    return _restrict_to_action(PhoneNumber.objects.for_account(account), action, campaign)


def _restrict_to_action(present: PhoneNumberQuerySet, action: str, campaign: Campaign | None) -> PhoneNumberQuerySet:
    if action == BulkAction.Action.ASSIGN:
        return present.outside_campaign(campaign)
    return present.in_campaign(campaign) if action == BulkAction.Action.UNASSIGN else present


def get_matching_numbers(confirmation: BulkAction, now: datetime, *, by_id: bool = False) -> PhoneNumberQuerySet:
    """Where *all that match* were chosen: those that do. `by_id`: to be gone through in the order of their ids, for
    which no index by account is to be used."""
    present = PhoneNumber.objects.for_account(confirmation.account_id)
    if by_id:
        present = PhoneNumber.objects.present().alias(no_index_account=F("account") + 0)
        present = present.filter(no_index_account=confirmation.account_id)
    among = _restrict_to_action(present, confirmation.action, confirmation.campaign)
    return NumberFilter.read(QueryDict(confirmation.chosen_by)).apply(among, now)


def start_snapshot(confirmation: BulkAction, numbers: PhoneNumberQuerySet, *, now: datetime) -> None:
    """Of a new window, in the transaction that makes it: writes down the numbers, or leaves it to a worker where all
    that match are more than a person should wait for."""
    question = ELIGIBILITY_RULES[confirmation.action](confirmation.account, confirmation.campaign, now)
    confirmation.seats = question.seats
    confirmation.save(update_fields=["seats"])
    if not confirmation.all_that_match:  # a worker could not find them again
        while snapshot_chunk(confirmation, numbers, question):
            pass
    elif (confirmation.expected or 0) > CHUNK or snapshot_chunk(confirmation, numbers, question):
        enqueue("reputation.tasks.bulk_actions.prepare_bulk_action", confirmation.pk)


def continue_snapshot(confirmation: BulkAction) -> bool:
    """Writes down what is left of a window, until that is done (True) or the time is up. Who comes while another is
    at it returns at once."""
    began, now = time.monotonic(), timezone.now()
    mine = BulkAction.objects.filter(pk=confirmation.pk, state=State.PREPARING)
    if not mine.exclude(lease_until__gt=now).update(lease_until=now + LEASE):
        return False
    confirmation.refresh_from_db()
    numbers = get_matching_numbers(confirmation, confirmation.shown_at, by_id=True)
    question = ELIGIBILITY_RULES[confirmation.action](
        confirmation.account, confirmation.campaign, confirmation.shown_at
    )
    while True:
        with transaction.atomic():
            if not mine.select_for_update().exists():  # somebody stopped it
                return False
            more = _snapshot_id_range(confirmation, numbers, question)
        if not more:
            return True
        if time.monotonic() - began > BUDGET_SECONDS:
            mine.update(lease_until=None)
            return False
        time.sleep(PAUSE_SECONDS)


def snapshot_chunk(confirmation: BulkAction, numbers: PhoneNumberQuerySet, question: EligibilityRule) -> bool:
    """The next of the numbers with what stands in the way of each; False when these were the last, and the window can
    be looked at. A fixed number of queries."""
    ahead = numbers.filter(pk__gt=confirmation.written_up_to).order_by("pk")[:CHUNK]
    return _snapshot_numbers(confirmation, ahead, question)


def _snapshot_id_range(confirmation: BulkAction, numbers: PhoneNumberQuerySet, question: EligibilityRule) -> bool:
    """The same for those of the next CHUNK ids of all numbers there are: what a worker goes through so costs it the
    same for each chunk."""
    ids = PhoneNumber.objects.filter(pk__gt=confirmation.written_up_to).order_by("pk").values_list("pk", flat=True)
    up_to = ids[CHUNK - 1 : CHUNK].first()
    ahead = numbers.filter(pk__gt=confirmation.written_up_to)
    return _snapshot_numbers(
        confirmation, ahead if up_to is None else ahead.filter(pk__lte=up_to), question, up_to=up_to or 0
    )


def _snapshot_numbers(
    confirmation: BulkAction, rows: PhoneNumberQuerySet, question: EligibilityRule, *, up_to: int | None = None
) -> bool:
    """`up_to` is the last id of the range, 0 for the last range; without, these are the last if they are few."""
    written = insert_from(
        BulkActionNumber,
        question.put_to(rows),
        confirmation_id=Value(confirmation.pk),
        number_id="pk",
        refusal="refusal",
        needs_seat="needs_seat",
        outcome=Value(""),
    )
    chunk = confirmation.numbers.filter(number__gt=confirmation.written_up_to)
    if confirmation.left_out:
        chunk.filter(number__in=confirmation.left_out).update(outcome=Outcome.TAKEN_OUT)
    kinds = chunk.order_by().values_list("refusal", "needs_seat", "outcome")
    last = up_to or confirmation.written_up_to
    wanting = 0
    for refusal, needs_seat, outcome, count, highest in kinds.annotate(Count("number"), Max("number")):
        last = max(last, highest)
        if outcome == Outcome.TAKEN_OUT:
            continue
        confirmation.chosen += count
        confirmation.counts[refusal] = confirmation.counts.get(refusal, 0) + count
        wanting += count if needs_seat and not refusal else 0
    if wanting > confirmation.seats:
        _refuse_without_seat(confirmation, wanting)
    confirmation.seats = max(confirmation.seats - wanting, 0)
    confirmation.written_up_to = last
    is_last = written < CHUNK if up_to is None else not up_to
    if is_last:
        confirmation.state, confirmation.lease_until = State.SHOWN, None
    changed = ["chosen", "counts", "seats", "written_up_to", *(["state", "lease_until"] if is_last else [])]
    confirmation.save(update_fields=changed)
    return not is_last


def _refuse_without_seat(confirmation: BulkAction, wanting: int) -> None:
    """Of this chunk's numbers that need a seat, the first by id get those that are free; the others are refused."""
    need = confirmation.numbers.filter(
        number__gt=confirmation.written_up_to, needs_seat=True, refusal="", outcome=Outcome.PENDING
    )
    seats = confirmation.seats
    first_without = need.order_by("number").values_list("number", flat=True)[seats : seats + 1].get()
    refused = need.filter(number__gte=first_without).update(refusal=NO_FREE_SEAT)
    _add_to_count(confirmation.counts, "", -refused)
    _add_to_count(confirmation.counts, NO_FREE_SEAT, refused)


def remove_number(confirmation: BulkAction, number_id: int) -> bool:
    """Takes a number out of a window that is still shown; a seat it held goes to the next one. False: too late."""
    with transaction.atomic():
        shown = BulkAction.objects.select_for_update().filter(pk=confirmation.pk, state=State.SHOWN).first()
        if shown is None:
            return False
        row = shown.numbers.filter(number=number_id, outcome=Outcome.PENDING).first()
        if row is None:
            return True
        shown.numbers.filter(number=number_id).update(outcome=Outcome.TAKEN_OUT)
        _add_to_count(shown.counts, row.refusal, -1)
        if row.needs_seat and not row.refusal and shown.counts.get(NO_FREE_SEAT):
            waiting = shown.numbers.filter(refusal=NO_FREE_SEAT, outcome=Outcome.PENDING).order_by("number").first()
            shown.numbers.filter(number=waiting.number_id).update(refusal="")
            _add_to_count(shown.counts, NO_FREE_SEAT, -1)
            _add_to_count(shown.counts, "", 1)
        shown.save(update_fields=["counts"])
        confirmation.counts = shown.counts
    return True


def _add_to_count(counts: dict[str, int], refusal: str, more: int) -> None:
    counts[refusal] = counts.get(refusal, 0) + more
