"""Bulk actions: a confirmation window is bound to what it showed, and does that, once, in chunks.

When a window opens, its numbers are written down with what stands in the way of each. Taking one out, searching, and
confirming work on what was written down, however many there are and whatever changes meanwhile. What somebody else
changed between showing and doing is left alone, and the answer says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from portal.audit import Context
from portal.db.in_list import in_list
from portal.jobs.runner import PAUSE_SECONDS, enqueue
from portal.models import Account
from reputation import campaigns
from reputation.bulk_actions import snapshot
from reputation.labels import ACTION_LABELS, ActionLabels, format_number_count
from reputation.models import BulkAction, BulkActionNumber, Campaign, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring import capability
from reputation.monitoring.eligibility import ELIGIBILITY_RULES, REFUSALS, Refusal

Action = BulkAction.Action
State = BulkAction.State
Outcome = BulkActionNumber.Outcome

# Up to so many are done while the person waits; more go to the workers, with a progress bar.
MAX_SYNCHRONOUS = 1_000
CHUNK = 10_000
MAX_LISTED = 50
MAX_REFUSED_LISTED = 10
LEASE = timedelta(seconds=90)
BUDGET_SECONDS = 50

ACTION_HANDLERS: dict[str, Callable[..., list[int]]] = {
    Action.ENABLE: lambda ids, campaign, actor, now: capability.enable(ids, context=Context(actor, now)),
    Action.DISABLE: lambda ids, campaign, actor, now: capability.disable(ids, context=Context(actor, now)),
    Action.ASSIGN: lambda ids, campaign, actor, now: campaigns.assign(
        ids, campaign=campaign, context=Context(actor, now)
    ),
    Action.UNASSIGN: lambda ids, campaign, actor, now: campaigns.unassign(
        ids, account_id=campaign.account_id, context=Context(actor, now)
    ),
}


def create_bulk_action(
    *,
    account: Account,
    context: Context,
    action: str,
    numbers: PhoneNumberQuerySet,
    campaign: Campaign | None = None,
    all_that_match: bool = False,
    chosen_by: str = "",
    left_out: Sequence[int] = (),
    expected: int | None = None,
    at_once: bool = False,
) -> BulkAction:
    """Writes down the chosen numbers and, for each, what stands in its way; many are left to a worker (writing_down).

    Where `all_that_match` were chosen, `chosen_by` is the filter's query string, `left_out` the ids that were
    unticked again, and `expected` how many the page had counted without these. `at_once`: it is done as soon as all is
    written down, as whoever opens it does not mean to look at it.
    """
    with transaction.atomic():
        confirmation = BulkAction.objects.create(
            account=account,
            user=context.actor.user,
            api_key_id=context.actor.key_id,
            action=action,
            campaign=campaign,
            all_that_match=all_that_match,
            chosen_by=chosen_by,
            expected=expected if all_that_match else None,
            left_out=list(dict.fromkeys(left_out)),
            at_once=at_once,
            shown_at=context.now,
        )
        snapshot.start_snapshot(confirmation, numbers, now=context.now)
    if at_once and not confirmation.is_being_prepared:
        confirm(confirmation, context=context)
    return confirmation


def prepare(confirmation: BulkAction, *, now: datetime) -> None:
    """Goes on writing down what a window shows; one that nobody means to look at is done then."""
    if snapshot.continue_snapshot(confirmation) and confirmation.at_once:
        confirm(confirmation, context=Context(confirmation.confirmed_by, now))


def stop(confirmation: BulkAction, *, now: datetime) -> bool:
    """Leaves the rest as it is: what is done stays done. False when it was over before."""
    under_way = BulkAction.objects.filter(pk=confirmation.pk, state__in=(State.PREPARING, State.APPLYING))
    stopped = under_way.update(state=State.DONE, done_at=now, stopped=True, lease_until=None)
    confirmation.refresh_from_db()
    return bool(stopped)


def confirm(confirmation: BulkAction, *, context: Context) -> bool:
    """Does what the window showed. True for the one who confirmed; False when it was confirmed before: whoever clicks
    twice, reloads, or comes with a stale window changes nothing, and is shown what was done."""
    with transaction.atomic():
        # Locked before it is read, so that a number that is taken out at this moment is or is not counted.
        BulkAction.objects.select_for_update().filter(pk=confirmation.pk).first()
        confirmation.refresh_from_db()
        mine = BulkAction.objects.filter(pk=confirmation.pk, state=State.SHOWN).update(
            state=State.APPLYING,
            confirmed_at=context.now,
            to_do=confirmation.counts.get("", 0),
            user=context.actor.user,
            api_key=context.actor.key_id,
        )
        confirmation.refresh_from_db()
        if mine and confirmation.to_do > MAX_SYNCHRONOUS:
            enqueue("reputation.tasks.bulk_actions.apply_bulk_action", confirmation.pk)
    if mine and confirmation.to_do <= MAX_SYNCHRONOUS:
        apply(confirmation, context=context)
    return bool(mine)


def apply(confirmation: BulkAction, *, context: Context) -> bool:
    """Works through a confirmed window, chunk by chunk, until it is done (True) or the time is up.

    Each chunk commits by itself, so a killed worker's successor goes on where it stopped. Who comes while another is
    at it returns at once.
    """
    began = time.monotonic()
    leased = BulkAction.objects.filter(pk=confirmation.pk, state=State.APPLYING).exclude(lease_until__gt=context.now)
    if not leased.update(lease_until=context.now + LEASE):
        return False
    mine = BulkAction.objects.filter(pk=confirmation.pk, state=State.APPLYING)
    while _apply_chunk(confirmation, context=context):
        if time.monotonic() - began > BUDGET_SECONDS:
            mine.update(lease_until=None)
            return False
        time.sleep(PAUSE_SECONDS)
        if not mine.exists():  # somebody stopped it
            confirmation.refresh_from_db()
            return True
    grown, first = _get_newly_matching(confirmation, context.now)
    mine.update(state=State.DONE, done_at=context.now, lease_until=None, grown=grown, grown_first=first)
    confirmation.refresh_from_db()
    return True


def _get_newly_matching(confirmation: BulkAction, now: datetime) -> tuple[int, list[int]]:
    """Where *all that match* were chosen: how many match by now that were not shown, and the first of them."""
    if not confirmation.all_that_match:
        return 0, []
    grown = snapshot.get_matching_numbers(confirmation, now).exclude(pk__in=confirmation.numbers.values("number"))
    first = list(grown.order_by("pk").values_list("pk", flat=True)[:5])
    return grown.count() if first else 0, first


def _apply_chunk(confirmation: BulkAction, *, context: Context) -> bool:
    """Asks each number of the chunk once more, does what may still be done, and notes the rest as changed."""
    with transaction.atomic():
        # Two windows of one account share its seats: one after the other.
        Account.objects.select_for_update().get(pk=confirmation.account_id)
        ahead = _pending(confirmation).filter(number__gt=confirmation.worked_up_to)
        ids = list(ahead.order_by("number").values_list("number", flat=True)[:CHUNK])
        if not ids:
            return False
        question = ELIGIBILITY_RULES[confirmation.action](confirmation.account, confirmation.campaign, context.now)
        present = PhoneNumber.objects.for_account(confirmation.account_id).filter(pk__in=in_list(ids))
        free = question.seats
        allowed = []
        for pk, refusal, needs_seat in (
            question.put_to(present).order_by("pk").values_list("pk", "refusal", "needs_seat")
        ):
            if refusal or (needs_seat and free <= 0):
                continue
            free -= needs_seat
            allowed.append(pk)
        moved = ACTION_HANDLERS[confirmation.action](allowed, confirmation.campaign, context.actor, context.now)
        of_chunk = ahead.filter(number__lte=ids[-1])
        if left_alone := len(ids) - len(moved):
            of_chunk.exclude(number__in=in_list(moved)).update(outcome=Outcome.CHANGED)
        of_chunk.update(outcome=Outcome.APPLIED)
        confirmation.applied += len(moved)
        confirmation.left_alone += left_alone
        confirmation.worked_up_to = ids[-1]
        confirmation.lease_until = context.now + LEASE
        confirmation.save(update_fields=["applied", "left_alone", "worked_up_to", "lease_until"])
    return True


def _pending(confirmation: BulkAction) -> QuerySet[BulkActionNumber]:
    return confirmation.numbers.filter(refusal="", outcome=Outcome.PENDING)


@dataclass(frozen=True)
class RefusedGroup:
    """Numbers that are left out for one reason: how many, and the first of them."""

    refusal: Refusal
    count: int
    numbers: list[PhoneNumber]

    @property
    def more(self) -> int:
        return self.count - len(self.numbers)


@dataclass(frozen=True)
class BulkActionPreview:
    """What a window shows: the numbers to be acted on (the first, or those that a search finds), and the refused."""

    confirmation: BulkAction
    shown: list[PhoneNumber]
    to_do: int
    found: int
    refused: list[RefusedGroup]
    refused_count: int
    taken_out: int
    search: str

    @property
    def said(self) -> ActionLabels:
        return ACTION_LABELS[self.confirmation.action]

    @property
    def button(self) -> str:
        """Enable 42 numbers."""
        return f"{self.said.verb} {format_number_count(self.to_do)}"

    @property
    def sentence(self) -> str:
        """What will happen to how many of the chosen."""
        chosen = self.confirmation.chosen
        will = (
            f"{format_number_count(self.to_do)} {self.said.will}."
            if self.to_do
            else "Nothing can be done for these numbers."
        )
        refused = f" {self.refused_count:,} of the {chosen:,} you chose cannot be {self.said.participle}."
        taken_out = f" {self.taken_out:,} taken out." if self.taken_out else ""
        return will + (refused if self.refused_count else "") + taken_out

    @property
    def drift(self) -> str:
        """Where all that match were chosen: how the set changed between the page's count and this window."""
        chosen, expected = self.confirmation.chosen, self.confirmation.expected
        if expected is None or expected == chosen:
            return ""
        then = f"{format_number_count(expected)} matched when the page was shown"
        return f"{then}, {chosen:,} when this window opened. It is about the {chosen:,}."


def get_preview(confirmation: BulkAction, *, search: str = "") -> BulkActionPreview:
    """The window as it stands; a fixed number of queries, and at most SHOWN numbers of each kind."""
    counts = {code: count for code, count in confirmation.counts.items() if count}
    to_do = counts.pop("", 0)
    found = _pending(confirmation)
    if search.strip():
        found = found.filter(number__in=PhoneNumber.objects.for_account(confirmation.account_id).matching(search))
    shown = [row.number for row in found.select_related("number").order_by("number")[:MAX_LISTED]]
    refused = [
        RefusedGroup(REFUSALS[code], counts[code], _get_first_refused(confirmation, code))
        for code in REFUSALS
        if code in counts
    ]
    return BulkActionPreview(
        confirmation=confirmation,
        shown=shown,
        to_do=to_do,
        found=found.count() if search.strip() else to_do,
        refused=refused,
        refused_count=sum(counts.values()),
        taken_out=max(confirmation.chosen - to_do - sum(counts.values()), 0),
        search=search,
    )


def describe_progress(confirmation: BulkAction) -> str:
    """What a confirmed window came to, or how far it is, in a sentence."""
    said = ACTION_LABELS[confirmation.action]
    if confirmation.is_being_prepared:
        return f"Being prepared: {format_number_count(confirmation.chosen)} so far."
    if confirmation.stopped:
        return f"It was stopped. {said.done} {format_number_count(confirmation.applied)} of {confirmation.to_do:,}."
    if confirmation.state == State.APPLYING:
        return f"Under way: {confirmation.through:,} of {format_number_count(confirmation.to_do)}."
    return (
        f"{said.done} {format_number_count(confirmation.applied)}." if confirmation.applied else "Nothing was changed."
    )


def _get_first_refused(confirmation: BulkAction, code: str) -> list[PhoneNumber]:
    rows = confirmation.numbers.filter(refusal=code).exclude(outcome=Outcome.TAKEN_OUT)
    return [row.number for row in rows.select_related("number").order_by("number")[:MAX_REFUSED_LISTED]]


@dataclass(frozen=True)
class BulkActionResult:
    """What changed between showing and doing: numbers left alone, and numbers that match by now but were not shown."""

    done: str
    afterwards: str
    left_alone: int
    left_alone_first: list[PhoneNumber]
    grown: int
    grown_first: list[PhoneNumber]


def get_result(confirmation: BulkAction) -> BulkActionResult:
    """For the answer after confirming."""
    left = confirmation.numbers.filter(outcome=Outcome.CHANGED).select_related("number").order_by("number")
    said = ACTION_LABELS[confirmation.action]
    return BulkActionResult(
        done=describe_progress(confirmation),
        afterwards=said.afterwards if confirmation.applied else "",
        left_alone=confirmation.left_alone,
        left_alone_first=[row.number for row in left[:5]] if confirmation.left_alone else [],
        grown=confirmation.grown,
        grown_first=list(PhoneNumber.objects.filter(pk__in=confirmation.grown_first).order_by("pk")),
    )
