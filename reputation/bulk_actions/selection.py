"""Which numbers a bulk action is about: those that may be selected, those that match, and those still pending."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, QuerySet
from django.http import QueryDict

from portal.models import Account
from reputation.models import BulkAction, BulkActionNumber, Campaign, PhoneNumber
from reputation.models.numbers import PhoneNumberQuerySet
from reputation.monitoring.eligibility import Coverage
from reputation.numbers.filters import NumberFilter


def get_selectable_numbers(action: str, account: Account, campaign: Campaign | None) -> PhoneNumberQuerySet:
    """The numbers in the table from which the action's numbers are selected."""
    return _restrict_to_action(PhoneNumber.objects.for_account(account), action, campaign)


def get_matching_numbers(bulk_action: BulkAction, now: datetime, *, scan_by_id: bool = False) -> PhoneNumberQuerySet:
    """The numbers that match now, where all that match are selected.

    `scan_by_id`: the caller reads them in the order of their ids. No index by account is used then, which would give
    them in another order.
    """
    present = PhoneNumber.objects.for_account(bulk_action.account_id)
    if scan_by_id:
        present = PhoneNumber.objects.present().alias(no_index_account=F("account") + 0)
        present = present.filter(no_index_account=bulk_action.account_id)
    candidates = _restrict_to_action(present, bulk_action.action, bulk_action.campaign)
    return NumberFilter.from_params(QueryDict(bulk_action.filter_query)).apply(candidates, now)


def pending_numbers(bulk_action: BulkAction) -> QuerySet[BulkActionNumber]:
    """The numbers of the snapshot to which the action is yet to be applied."""
    return bulk_action.numbers.filter(refusal="", outcome=BulkActionNumber.Outcome.PENDING)


def count_ending(bulk_action: BulkAction, coverage: Coverage) -> int:
    """For how many numbers the action ends monitoring, because they leave a campaign and no seat is free."""
    if bulk_action.action != BulkAction.Action.UNASSIGN:
        return 0
    needed = pending_numbers(bulk_action).filter(needs_seat=True).count()
    return max(needed - coverage.seats_free, 0)


def _restrict_to_action(present: PhoneNumberQuerySet, action: str, campaign: Campaign | None) -> PhoneNumberQuerySet:
    if action == BulkAction.Action.ASSIGN and campaign:
        return present.not_in_campaign(campaign)
    if action == BulkAction.Action.UNASSIGN and campaign:
        return present.in_campaign(campaign)
    return present
