"""The capability of numbers: it agrees with enrollment, licences and seats, and nothing is verified for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from enrollment.models import Application
from portal.db.in_list import in_list
from portal.models import Account, Licence, today_of
from reputation.invariants.registry import Invariant, make_due
from reputation.models import CoverageLoss, NumberCount, PhoneNumber, Registration
from reputation.models.counts import get_facets
from reputation.monitoring.capability import VERIFICATION_DEADLINE_DAYS
from reputation.monitoring.eligibility import build_coverage, count_monitored_by_account
from reputation.monitoring.verification import complete_verifications
from reputation.service_clock import days

# The sweeps that follow a revocation or the end of a licence start every minute, and need some time for many numbers.
GRACE = timedelta(minutes=15)
# By how much the clock may have been ahead when a deadline was set.
_CLOCK_ERROR = timedelta(days=1)
Capability, State = PhoneNumber.Capability, Registration.State
_MONITORED_FACETS = get_facets(capability=PhoneNumber.MONITORED)


def _find_not_enrolled(now: datetime) -> QuerySet[Account]:
    """Accounts that have monitored numbers and no approval, unless it was revoked just now."""
    enrolled = Q(state=Application.State.APPROVED) | Q(state=Application.State.REVOKED, state_since__gt=now - GRACE)
    applications = Application.objects.filter(enrolled, account=OuterRef("pk"))
    monitored = PhoneNumber.objects.filter(account=OuterRef("pk"), facet__in=_MONITORED_FACETS)
    return Account.objects.filter(~Exists(applications), Exists(monitored))


def _find_uncovered(now: datetime) -> list[str]:
    """Accounts with more monitored numbers than their licences cover, now and before the day changed.

    Not in one query: an account's day depends on its time zone. There are few accounts, and their numbers are counted.
    """
    monitored = {
        pk: count for pk, count in count_monitored_by_account(NumberCount.objects.all()).items() if count.total
    }
    licences: dict[int, list[Licence]] = {pk: [] for pk in monitored}
    for licence in Licence.objects.filter(account__in=in_list(monitored)):
        licences[licence.account_id].append(licence)
    # There, a worker is ending the monitoring of the numbers that are not covered any more.
    losing = set(CoverageLoss.objects.unfinished().values_list("account_id", flat=True))
    found = []
    for account in Account.objects.filter(pk__in=in_list(monitored)):
        excess = min(
            build_coverage(licences[account.pk], monitored[account.pk], today_of(account, at)).uncovered_count
            for at in (now, now - GRACE)
        )
        if excess and account.pk not in losing:
            found.append(f"account {account.pk}: {excess} numbers too many")
    return found


def _find_never_looked_up(now: datetime) -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.filter(capability__in=PhoneNumber.MONITORED, next_action_at__isnull=True)


def _find_due_without_monitoring(now: datetime) -> QuerySet[PhoneNumber]:
    working = Q(next_action_at__isnull=False) | Q(lookup_round_started_at__isnull=False)
    return PhoneNumber.objects.filter(working, capability__in=(Capability.OFF, Capability.FAILED))


def _end_work(ids: Sequence[Any], now: datetime) -> None:
    PhoneNumber.objects.filter(pk__in=in_list(ids)).update(next_action_at=None, lookup_round_started_at=None)


def _find_endless_verifications(now: datetime) -> QuerySet[PhoneNumber]:
    latest = now + days(VERIFICATION_DEADLINE_DAYS) + _CLOCK_ERROR
    return PhoneNumber.objects.filter(capability=Capability.VERIFYING, next_action_at__gt=latest)


def _end_at_deadline(ids: Sequence[Any], now: datetime) -> None:
    deadline = now + days(VERIFICATION_DEADLINE_DAYS)
    PhoneNumber.objects.filter(pk__in=in_list(ids)).update(next_action_at=deadline)


def _find_unverifiable(now: datetime) -> QuerySet[PhoneNumber]:
    """Numbers for which all engines have answered. Where one withdrew from it, the deadline decides."""
    awaited = (*Registration.UNANSWERED, State.WITHDRAWN)
    waiting = Registration.objects.filter(number=OuterRef("pk"), state__in=awaited)
    return PhoneNumber.objects.filter(~Exists(waiting), capability=Capability.VERIFYING)


def _complete(ids: Sequence[Any], now: datetime) -> None:
    complete_verifications(ids, now=now)


def _find_stuck_registrations(now: datetime) -> QuerySet[Registration]:
    waiting = (*Registration.UNANSWERED, State.WITHDRAWING)
    return Registration.objects.filter(state__in=waiting, next_action_at__isnull=True)


def _find_needless_registrations(now: datetime) -> QuerySet[Registration]:
    """Registrations that are asked for although nobody monitors the number, or after they were answered."""
    unwanted = Q(state__in=(*Registration.UNANSWERED, State.ACCEPTED)) & ~Q(
        number__capability__in=PhoneNumber.MONITORED
    )
    answered = Q(state__in=(State.ACCEPTED, State.REFUSED, State.WITHDRAWN), next_action_at__isnull=False)
    return Registration.objects.filter(unwanted | answered)


INVARIANTS = (
    Invariant(
        "enrollment",
        "Only accounts with an approved enrollment have monitored numbers.",
        _find_not_enrolled,
    ),
    Invariant("seats", "An account has no more monitored numbers than its licences cover.", _find_uncovered),
    Invariant(
        "monitored_numbers_due",
        "A number that is on is looked up at some time, and one that is verified has a deadline.",
        _find_never_looked_up,
        make_due(PhoneNumber),
    ),
    Invariant(
        "unmonitored_numbers",
        "A number that is off or failed is never due, and in no round of look-ups.",
        _find_due_without_monitoring,
        _end_work,
    ),
    Invariant(
        "verifications",
        "The verification of a number waits for the answer of an engine.",
        _find_unverifiable,
        _complete,
    ),
    Invariant(
        "verifications_end",
        f"The verification of a number ends within {VERIFICATION_DEADLINE_DAYS} days.",
        _find_endless_verifications,
        _end_at_deadline,
    ),
    Invariant(
        "registrations_due",
        "A registration that is not answered, or being withdrawn, is due at some time.",
        _find_stuck_registrations,
        make_due(Registration),
    ),
    Invariant(
        "registrations",
        "An engine has to monitor a number only while it is monitored here, and is asked until it has answered.",
        _find_needless_registrations,
    ),
)
