"""Coverage of monitored numbers: what happens to those that no licence covers any more.

A number that leaves its campaign, or whose licence ends, needs a seat to stay monitored. The lowest ids take the free
seats. Monitoring ends for the others, which are then treated as after *Disable*.

Seats are counted and taken under the lock of the account (lock_account), so that two requests at once cannot take more
seats than there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When

from portal.audit import Context
from portal.db.in_list import in_list
from portal.models import Account
from reputation.models import PhoneNumber
from reputation.models.counts import get_facets
from reputation.monitoring import capability
from reputation.monitoring.eligibility import Coverage, get_coverage

# Numbers whose monitoring ends in one transaction.
CHUNK = 2_000
# As the confirmed count: monitoring may end for all numbers that get no seat.
ANY_COUNT = 2_000_000_000
LEFT_CAMPAIGN = "It left its campaign, and no seat was free."

MONITORED_FACETS = get_facets(capability=PhoneNumber.MONITORED)


def lock_account(account_id: int) -> Account:
    """Lock the account until the transaction ends. Lock it before its numbers: other processes use this order.

    Rows that refer to the account are inserted meanwhile (FOR NO KEY UPDATE). Otherwise PostgreSQL would keep whoever
    has locked numbers from recording an event, while this transaction waits for the numbers.
    """
    return Account.objects.select_for_update(no_key=True).get(pk=account_id)


def losing_cover(coverage: Coverage) -> Q:
    """The condition of numbers that need a seat once they are in no campaign, and need none now."""
    if coverage.needs_no_seats or not coverage.includes_campaign_numbers:
        return Q(pk__in=[])
    return Q(capability__in=PhoneNumber.MONITORED, campaign__isnull=False)


def count_ending(numbers: QuerySet[PhoneNumber], coverage: Coverage) -> int:
    """For how many of these numbers monitoring would end if they left their campaigns now; one query."""
    leaving = numbers.filter(losing_cover(coverage)).count()
    return max(leaving - coverage.seats_free, 0)


def get_ending_ids(ids: Sequence[int], coverage: Coverage) -> list[int]:
    """Those of these numbers for which monitoring would end if they left their campaigns now; one query."""
    leaving = PhoneNumber.objects.filter(losing_cover(coverage), pk__in=in_list(ids))
    return list(leaving.order_by("pk").values_list("pk", flat=True)[coverage.seats_free :])


def end_without_seat(moved: Sequence[int], *, account: Account, context: Context) -> list[int]:
    """Give the free seats to the lowest of the ids that left their campaigns, and end the monitoring of the others.

    Call it in the transaction that moved them, after the move, with the account locked. Returns the ids it ended.
    """
    monitored = PhoneNumber.objects.monitored().filter(pk__in=in_list(moved), campaign__isnull=True).order_by("-pk")
    if not monitored.exists():
        return []
    excess = get_coverage(account, context.now).uncovered_count
    ids = list(monitored.values_list("pk", flat=True)[:excess])
    return capability.disable(ids, context=context, reason=LEFT_CAMPAIGN) if ids else []


def end_uncovered_chunk(account: Account, *, campaigns_were_included: bool, context: Context, reason: str) -> list[int]:
    """End the monitoring of one chunk of the account's numbers that no licence covers; return their ids.

    Numbers that held a seat keep it before numbers in campaigns that needed none until now. Within each, the lowest
    ids keep theirs. A fixed number of queries; call it until it returns nothing.
    """
    with transaction.atomic():
        account = lock_account(account.pk)
        coverage = get_coverage(account, context.now)
        excess = min(coverage.uncovered_count, CHUNK)
        if not excess:
            return []
        numbers = PhoneNumber.objects.for_account(account).filter(facet__in=MONITORED_FACETS)
        if coverage.includes_campaign_numbers:
            numbers = numbers.without_campaign()
        held_seat = Case(When(campaign__isnull=True, then=Value(1)), default=Value(int(not campaigns_were_included)))
        ids = list(numbers.order_by(held_seat, "-pk").values_list("pk", flat=True)[:excess])
        return capability.disable(ids, context=context, reason=reason)
