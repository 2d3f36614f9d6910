"""Numbers: removed ones do nothing, and the stored spam status agrees with tags, cases and signs of a risk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from portal.audit import Context
from portal.db.in_list import in_list
from reputation import campaigns
from reputation.invariants.registry import Invariant
from reputation.models import Campaign, Case, PhoneNumber, Tag
from reputation.monitoring import capability
from reputation.numbers import spam_status

Capability, Status = PhoneNumber.Capability, PhoneNumber.SpamStatus
_ON = Q(capability=Capability.ON)
_TAGGED = Q(spam_status__in=PhoneNumber.TAGGED)
_ACTIVE_TAGS = Tag.objects.active().filter(number=OuterRef("pk")).order_by()


def _find_removed_at_work(now: datetime) -> QuerySet[PhoneNumber]:
    working = ~Q(capability=Capability.OFF) | Q(campaign__isnull=False)
    return PhoneNumber.objects.filter(working, removed_at__isnull=False)


def _stop_removed(ids: Sequence[Any], now: datetime) -> None:
    capability.disable(ids, context=Context.system(now), reason="The number was removed.")
    PhoneNumber.objects.filter(pk__in=in_list(ids)).update(campaign=None)


def _find_wrong_defaults(now: datetime) -> QuerySet[Campaign]:
    foreign = ~Q(default_number__account=F("account"))
    return Campaign.objects.filter(Q(default_number__removed_at__isnull=False) | foreign, default_number__isnull=False)


def _clear_defaults(ids: Sequence[Any], now: datetime) -> None:
    defaults = Campaign.objects.filter(pk__in=in_list(ids)).values_list("default_number", flat=True)
    campaigns.clear_default_numbers([pk for pk in defaults if pk], context=Context.system(now))


def _find_foreign_campaigns(now: datetime) -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.filter(campaign__isnull=False).exclude(campaign__account=F("account"))


def _find_wrongly_tagged(now: datetime) -> QuerySet[PhoneNumber]:
    """Tagged without a tag or without monitoring, since another time than the first tag, or not tagged with one."""
    first = _ACTIVE_TAGS.values("number").annotate(at=Min("detected_at")).values("at")
    tagged_wrongly = _TAGGED & (~_ON | ~Exists(_ACTIVE_TAGS) | Q(tagged_since__isnull=True))
    other_time = _TAGGED & ~Q(tagged_since=Subquery(first))
    with_tag = PhoneNumber.objects.filter(pk__in=Tag.objects.active().values("number"))
    missed = with_tag.filter(_ON & ~_TAGGED).values("pk")
    return PhoneNumber.objects.filter(
        tagged_wrongly | other_time | Q(tagged_since__isnull=False) & ~_TAGGED | Q(pk__in=missed)
    )


def _find_wrong_remediation(now: datetime) -> QuerySet[PhoneNumber]:
    """Tagged numbers whose state of remediation is not that of their last case."""
    last = Case.objects.filter(number=OuterRef("pk")).order_by("-opened_at", "-pk")
    rows = PhoneNumber.objects.filter(_TAGGED, _ON, Exists(_ACTIVE_TAGS)).alias(
        case_state=Subquery(last.values("state")[:1]), former=Subquery(last.values("former")[:1])
    )
    is_open = Q(case_state=Case.State.OPEN)
    is_under_way = Q(case_state__in=[state for state in Case.UNFINISHED if state != Case.State.OPEN])
    failed = Exists(_ACTIVE_TAGS.filter(case__state=Case.State.FAILED))
    return rows.exclude(
        is_open & Q(former__isnull=False, spam_status=Status.TAGGED_AGAIN)
        | is_open & Q(former__isnull=True, spam_status=Status.TAGGED)
        | is_under_way & Q(spam_status=Status.IN_REMEDIATION)
        | ~is_open & ~is_under_way & failed & Q(spam_status=Status.FAILED)
        | ~is_open & ~is_under_way & ~failed & Q(spam_status=Status.TAGGED)
        | Q(case_state__isnull=True, spam_status=Status.TAGGED)
    )


def _find_wrong_status_without_label(now: datetime) -> QuerySet[PhoneNumber]:
    """The statuses that follow from the capability, and from a label that was last seen."""
    remembered = Q(decision_due_at__isnull=False)
    quiet = Q(spam_status__in=(Status.NOT_MONITORED, Status.LAST_SEEN))
    forgotten = remembered & ~Q(spam_status=Status.LAST_SEEN)
    invented = Q(spam_status=Status.LAST_SEEN) & ~remembered & ~Exists(_ACTIVE_TAGS)
    # Tagged numbers that are not monitored are found by the invariant of tags.
    return PhoneNumber.objects.filter(
        (~_ON & ~quiet & ~_TAGGED) | (_ON & Q(spam_status=Status.NOT_MONITORED)) | (forgotten & ~_TAGGED) | invented
    )


def _find_wrong_risks(now: datetime) -> QuerySet[PhoneNumber]:
    one_time_only = Q(at_risk_since__isnull=True) ^ Q(at_risk_until__isnull=True)
    without_times = Q(spam_status=Status.AT_RISK, at_risk_until__isnull=True)
    unmonitored = Q(at_risk_until__isnull=False) & ~_ON
    return PhoneNumber.objects.filter(one_time_only | without_times | unmonitored)


def _recompute(ids: Sequence[Any], now: datetime) -> None:
    """Derives the status anew. No audit event: nothing happened to the number."""
    spam_status.recompute(ids, now=now)


INVARIANTS = (
    Invariant(
        "removed_numbers",
        "A removed number is not monitored and in no campaign.",
        _find_removed_at_work,
        _stop_removed,
    ),
    Invariant(
        "default_caller_ids",
        "The default caller ID of a campaign is a number that its account has.",
        _find_wrong_defaults,
        _clear_defaults,
    ),
    Invariant("campaign_accounts", "A number is in a campaign of its own account.", _find_foreign_campaigns),
    Invariant(
        "tagged_numbers",
        "A number counts as tagged since its first active tag, if and only if it is monitored and has one.",
        _find_wrongly_tagged,
        _recompute,
    ),
    Invariant(
        "remediation_states",
        "The status of a tagged number says how far its last case is.",
        _find_wrong_remediation,
        _recompute,
    ),
    Invariant(
        "statuses",
        "A number is not monitored, or labelled when last seen, as its capability and its last labels say.",
        _find_wrong_status_without_label,
        _recompute,
    ),
    Invariant(
        "risks",
        "A number at risk is monitored, and has the times of the first and the last sign.",
        _find_wrong_risks,
        _recompute,
    ),
)
