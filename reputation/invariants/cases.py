"""Tags, cases, and what is asked of engines and desks for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from portal.audit import Context
from portal.db.in_list import in_list
from reputation.desks import requests
from reputation.invariants.registry import Invariant, make_due, make_not_due
from reputation.models import Case, DeskRequest, PhoneNumber, Submission, Tag
from reputation.numbers import spam_status
from reputation.remediation import cases, clearing
from reputation.remediation.opening import open_cases

_UNFINISHED = Q(state__in=Case.UNFINISHED)
_ON = Q(number__capability=PhoneNumber.Capability.ON, number__removed_at__isnull=True)
_ENDED_FOR_GOOD = (Case.State.CLEARED, Case.State.CANCELLED)


def _find_several_unfinished(now: datetime) -> QuerySet[PhoneNumber]:
    several = Case.objects.unfinished().order_by().values("number").annotate(cases=Count("pk")).filter(cases__gt=1)
    return PhoneNumber.objects.filter(pk__in=several.values("number"))


def _find_tags_without_case(now: datetime) -> QuerySet[Tag]:
    """Active tags of monitored numbers whose case is missing, another number's, or over for good."""
    wrong_case = Q(case__isnull=True) | ~Q(case__number=F("number")) | Q(case__state__in=_ENDED_FOR_GOOD)
    return Tag.objects.active().filter(wrong_case, _ON)


def _find_tags_without_submission(now: datetime) -> QuerySet[Tag]:
    submissions = Submission.objects.filter(case=OuterRef("case"), engine=OuterRef("engine"))
    return Tag.objects.active().filter(~Exists(submissions), case__state__in=Case.UNFINISHED)


def _open_cases(ids: Sequence[Any], now: datetime) -> None:
    tags = Tag.objects.filter(pk__in=in_list(ids))
    tags.update(case=None)
    numbers = list(tags.values_list("number_id", flat=True).distinct())
    open_cases(numbers, now=now)
    spam_status.recompute(numbers, now=now)


def _find_cases_without_tag(now: datetime) -> QuerySet[Case]:
    return Case.objects.filter(_UNFINISHED, ~Exists(Tag.objects.active().filter(case=OuterRef("pk"))))


def _close_without_tag(ids: Sequence[Any], now: datetime) -> None:
    of_cases = Case.objects.filter(pk__in=in_list(ids))
    clearing.close_cases_without_tags(list(of_cases.values_list("number_id", flat=True)), now=now)


def _find_cases_unmonitored(now: datetime) -> QuerySet[Case]:
    return Case.objects.filter(_UNFINISHED).exclude(_ON)


def _cancel(ids: Sequence[Any], now: datetime) -> None:
    cases.cancel(ids, context=Context.system(now), reason="The number is not monitored.")


def _find_wrong_ends(now: datetime) -> QuerySet[Case]:
    unfinished = _UNFINISHED & Q(closed_at__isnull=False)
    return Case.objects.filter(unfinished | ~_UNFINISHED & Q(closed_at__isnull=True))


def _find_never_due(now: datetime) -> QuerySet[Case]:
    return Case.objects.filter(_UNFINISHED, next_action_at__isnull=True)


def _find_due_after_end(now: datetime) -> QuerySet[Case]:
    return Case.objects.filter(state__in=_ENDED_FOR_GOOD, next_action_at__isnull=False)


def _find_stuck_withdrawals(now: datetime) -> QuerySet[Submission]:
    return Submission.objects.filter(state=Submission.State.WITHDRAWING, next_action_at__isnull=True)


def _find_double_requests(now: datetime) -> QuerySet[PhoneNumber]:
    pairs = DeskRequest.objects.open().order_by().values("number", "desk").annotate(requests=Count("pk"))
    return PhoneNumber.objects.filter(pk__in=pairs.filter(requests__gt=1).values("number"))


def _find_orphaned_requests(now: datetime) -> QuerySet[DeskRequest]:
    """Open requests of cases that ended, or of another number's. A failed case may be about to open again."""
    going_on = Q(case__state__in=Case.UNFINISHED) | Q(case__state=Case.State.FAILED, case__next_action_at__isnull=False)
    return DeskRequest.objects.open().exclude(going_on & Q(case__number=F("number")))


def _close_requests(ids: Sequence[Any], now: datetime) -> None:
    requests.close(DeskRequest.objects.filter(pk__in=in_list(ids)), now=now)


def _find_wrong_requests(now: datetime) -> QuerySet[DeskRequest]:
    ended = Q(state__in=(DeskRequest.State.REFUSED, DeskRequest.State.WITHDRAWN))
    half_claimed = Q(claimed_by__isnull=False, claimed_until__isnull=True)
    return DeskRequest.objects.open().filter(ended | half_claimed)


INVARIANTS = (
    Invariant("unfinished_cases", "A number has one unfinished case at most.", _find_several_unfinished),
    Invariant(
        "tags_with_case",
        "Each active tag of a monitored number belongs to a case of the number that goes on or has failed.",
        _find_tags_without_case,
        _open_cases,
    ),
    Invariant(
        "tags_with_submission",
        "For each active tag of an unfinished case there is a submission to its engine.",
        _find_tags_without_submission,
        _open_cases,
    ),
    Invariant(
        "cases_with_tag",
        "An unfinished case has an active tag.",
        _find_cases_without_tag,
        _close_without_tag,
    ),
    Invariant(
        "cases_monitored",
        "The number of an unfinished case is monitored.",
        _find_cases_unmonitored,
        _cancel,
    ),
    Invariant("case_ends", "A case has an end if and only if it is finished.", _find_wrong_ends),
    Invariant("cases_due", "An unfinished case is due at some time.", _find_never_due, make_due(Case)),
    Invariant(
        "finished_cases", "A cleared or cancelled case is never due again.", _find_due_after_end, make_not_due(Case)
    ),
    Invariant(
        "withdrawals",
        "A request that is being withdrawn from an engine is due at some time.",
        _find_stuck_withdrawals,
        make_due(Submission),
    ),
    Invariant("desk_requests", "A number has one open request to a desk at most.", _find_double_requests),
    Invariant(
        "desk_requests_with_case",
        "The case of an open request to a desk is the number's own, and goes on or is about to open again.",
        _find_orphaned_requests,
        _close_requests,
    ),
    Invariant(
        "desk_request_states",
        "An open request to a desk is neither refused nor withdrawn, and whoever works on it does so until some time.",
        _find_wrong_requests,
    ),
)
