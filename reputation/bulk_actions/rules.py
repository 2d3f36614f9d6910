"""What each bulk action checks for each number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import Case, Q, Value, When

from portal.models import Account
from reputation.models import BulkAction, Campaign, PhoneNumber
from reputation.monitoring.coverage import losing_cover
from reputation.monitoring.eligibility import (
    EligibilityRule,
    disable_rule,
    enable_rule,
    first_refusal,
    get_coverage,
)


def assign_rule(account: Account, campaign: Campaign | None, now: datetime) -> EligibilityRule:
    return EligibilityRule(refusal=first_refusal([("already_assigned", Q(campaign=campaign))]))


def unassign_rule(account: Account, campaign: Campaign | None, now: datetime) -> EligibilityRule:
    return EligibilityRule(
        refusal=first_refusal([("not_assigned", Q(campaign__isnull=True) | ~Q(campaign=campaign))]),
        needs_seat=Case(When(losing_cover(get_coverage(account, now)), then=Value(True)), default=Value(False)),
        ends_monitoring=True,
    )


def release_rule(account: Account, campaign: Campaign | None, now: datetime) -> EligibilityRule:
    not_labelled = ~Q(spam_status=PhoneNumber.SpamStatus.LAST_SEEN)
    return EligibilityRule(refusal=first_refusal([("not_last_seen", not_labelled)]))


# Called with the account, the campaign that the action is about (if any), and the time.
ELIGIBILITY_RULES: dict[str, Callable[[Account, Campaign | None, datetime], EligibilityRule]] = {
    BulkAction.Action.ENABLE: enable_rule,
    BulkAction.Action.DISABLE: disable_rule,
    BulkAction.Action.ASSIGN: assign_rule,
    BulkAction.Action.UNASSIGN: unassign_rule,
    BulkAction.Action.RELEASE: release_rule,
}
