"""What a confirmation window shows before it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils import timezone

from portal.text import join_names
from reputation.bulk_actions.labels import ActionLabels, get_action_labels
from reputation.bulk_actions.selection import count_ending, pending_numbers
from reputation.campaigns import get_campaigns_with_only_skipped_numbers
from reputation.labels import format_number_count
from reputation.models import BulkAction, BulkActionNumber, Campaign, PhoneNumber
from reputation.monitoring.eligibility import REFUSALS, Refusal, explain_refusal, get_coverage

MAX_LISTED = 50
MAX_REFUSED_LISTED = 10


@dataclass(frozen=True)
class RefusedGroup:
    """Numbers that are left out for one reason: how many, and the first of them."""

    refusal: Refusal
    count: int
    numbers: list[PhoneNumber]

    @property
    def remaining(self) -> int:
        return self.count - len(self.numbers)


@dataclass(frozen=True)
class HiddenLabels:
    """What *Disable* does to labelled numbers: how many stay skipped, and the campaigns without any other caller ID."""

    count: int
    campaigns: list[Campaign]

    @property
    def campaign_names(self) -> str:
        return join_names([campaign.name for campaign in self.campaigns])


@dataclass(frozen=True)
class BulkActionPreview:
    """The numbers to which the action applies (the first, or those that a search finds), and the refused numbers."""

    bulk_action: BulkAction
    numbers: list[PhoneNumber]
    total_count: int
    match_count: int
    refused: list[RefusedGroup]
    refused_count: int
    removed_count: int
    search: str
    hidden_labels: HiddenLabels | None
    # For how many numbers monitoring ends, because they leave a campaign and no seat is free.
    ending_count: int
    seats_free: int

    @property
    def labels(self) -> ActionLabels:
        return get_action_labels(self.bulk_action.action)

    @property
    def button_label(self) -> str:
        """Enable 42 numbers."""
        again = " again" if self.bulk_action.action == BulkAction.Action.RELEASE else ""
        ending = f" and end monitoring for {self.ending_count:,}" if self.ending_count else ""
        return f"{self.labels.verb} {format_number_count(self.total_count)}{again}{ending}"

    @property
    def summary(self) -> str:
        """What will happen to how many of the selected numbers."""
        selected = self.bulk_action.selected_count
        will = (
            f"{format_number_count(self.total_count)} {self.labels.will}."
            if self.total_count
            else "Nothing can be done for these numbers."
        )
        refused = f" {self.refused_count:,} of the {selected:,} you chose cannot be {self.labels.participle}."
        removed = f" {self.removed_count:,} taken out." if self.removed_count else ""
        return will + (refused if self.refused_count else "") + removed

    @property
    def selection_change(self) -> str:
        """How the set of matching numbers changed between the page's count and this window."""
        selected, expected = self.bulk_action.selected_count, self.bulk_action.expected_count
        if expected is None or expected == selected:
            return ""
        then = f"{format_number_count(expected)} matched when the page was shown"
        return f"{then}, {selected:,} when this window opened. It is about the {selected:,}."


def get_preview(bulk_action: BulkAction, *, search: str = "", now: datetime | None = None) -> BulkActionPreview:
    """A fixed number of queries, and at most MAX_LISTED numbers of each kind. Seats are those of `now`."""
    counts = {code: count for code, count in bulk_action.refusal_counts.items() if count}
    total = counts.pop("", 0)
    refused_count = sum(counts.values())
    coverage = get_coverage(bulk_action.account, now or timezone.now())
    found = pending_numbers(bulk_action)
    if search.strip():
        found = found.filter(number__in=PhoneNumber.objects.for_account(bulk_action.account_id).search(search))
    return BulkActionPreview(
        bulk_action=bulk_action,
        numbers=[row.number for row in found.select_related("number").order_by("number")[:MAX_LISTED]],
        total_count=total,
        match_count=found.count() if search.strip() else total,
        refused=[
            RefusedGroup(explain_refusal(code, coverage), counts[code], _get_first_refused(bulk_action, code))
            for code in REFUSALS
            if code in counts
        ],
        refused_count=refused_count,
        removed_count=max(bulk_action.selected_count - total - refused_count, 0),
        search=search,
        hidden_labels=_get_hidden_labels(bulk_action) if bulk_action.action == BulkAction.Action.DISABLE else None,
        ending_count=count_ending(bulk_action, coverage),
        seats_free=coverage.seats_free,
    )


def _get_hidden_labels(bulk_action: BulkAction) -> HiddenLabels:
    """Two queries. Tagged numbers are few, so they are looked up in the snapshot and not the other way round."""
    pending = pending_numbers(bulk_action).filter(number=OuterRef("pk"))
    numbers = PhoneNumber.objects.for_account(bulk_action.account_id).filter(spam_status__in=PhoneNumber.SKIPPED)
    labelled = numbers.filter(Exists(pending))
    return HiddenLabels(labelled.count(), list(get_campaigns_with_only_skipped_numbers(labelled)))


def _get_first_refused(bulk_action: BulkAction, code: str) -> list[PhoneNumber]:
    rows = bulk_action.numbers.filter(refusal=code).exclude(outcome=BulkActionNumber.Outcome.REMOVED)
    return [row.number for row in rows.select_related("number").order_by("number")[:MAX_REFUSED_LISTED]]
