"""The spam status of numbers, derived from capability, tags, cases and checks by set-based updates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Case as SQLCase
from django.db.models import CharField, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from portal.db.in_list import in_list
from reputation.models import Case, Check, PhoneNumber, Tag
from reputation.numbers import sources

Status = PhoneNumber.SpamStatus


def recompute(ids: Sequence[int], *, now: datetime) -> None:
    """Updates the spam status of one chunk of numbers, and the times that belong to it.

    Call it in the transaction that changed a tag, a case, a check or the capability. A number is clean only while each
    source that can show labels has a current clean check of it; otherwise its status is not yet known. A number that
    was labelled when last seen (decision_due_at is set) keeps that status until it is tagged or clean. So does a number
    that is not monitored while a test call or a report has tagged it.

    Numbers whose status stays the same, as after most look-ups, get only new times: the status is in seven indexes.
    """
    tags = Tag.objects.active().order_by()
    checks = Check.objects.filter(
        number=OuterRef("pk"), is_current=True, engine__in_use=True, evidence__in=Check.LABEL_EVIDENCE
    ).order_by()
    signs = Check.objects.filter(effect=Check.Effect.RISK, valid_until__gt=now).order_by()
    tagged, at_risk = (
        set(rows.filter(number__in=in_list(ids)).values_list("number", flat=True)) for rows in (tags, signs)
    )
    clean = sources.get_clean_numbers([pk for pk in ids if pk not in tagged], now=now)
    is_on = Q(capability=PhoneNumber.Capability.ON)
    is_tagged, is_at_risk, is_clean = (Q(pk__in=in_list(numbers)) for numbers in (tagged, at_risk, clean))
    detected = tags.filter(number=OuterRef("pk")).values("number").annotate(at=Min("detected_at")).values("at")
    new_status = {
        "spam_status": SQLCase(
            When(is_on & is_tagged, then=_get_status_of_tagged(tagged)),
            When((Q(decision_due_at__isnull=False) & ~is_clean) | is_tagged, then=Value(Status.LAST_SEEN)),
            When(is_on & is_at_risk, then=Value(Status.AT_RISK)),
            When(is_on & is_clean, then=Value(Status.CLEAN)),
            When(is_on, then=Value(Status.UNKNOWN)),
            default=Value(Status.NOT_MONITORED),
            output_field=CharField(),
        ),
        "decision_due_at": SQLCase(When(is_on & (is_tagged | is_clean), then=None), default=F("decision_due_at")),
        "tagged_since": SQLCase(When(is_on & is_tagged, then=Subquery(detected))),
        "ever_checked": Q(ever_checked=True) | Exists(checks),
    }
    new_times = _get_new_times(checks, signs, is_on & is_at_risk, now)
    numbers = PhoneNumber.objects.filter(pk__in=in_list(ids))
    # Most numbers are clean and stay so, which takes no expression to see.
    still_clean = numbers.filter(
        is_on & is_clean & ~is_at_risk, spam_status=Status.CLEAN, tagged_since__isnull=True, ever_checked=True
    )
    others = _filter_unchanged(numbers.exclude(spam_status=Status.CLEAN), new_status)
    same = {pk for rows in (still_clean, others) for pk in rows.values_list("pk", flat=True)}
    PhoneNumber.objects.filter(pk__in=in_list(same)).update(**new_times)
    PhoneNumber.objects.filter(pk__in=in_list(pk for pk in ids if pk not in same)).update(**new_status, **new_times)


def _filter_unchanged(numbers: QuerySet[PhoneNumber], new_status: Mapping[str, Any]) -> QuerySet[PhoneNumber]:
    """The numbers that have their new status already.

    decision_due_at follows from the status: a tagged or clean number has none.
    """
    new = {f"new_{field}": value for field, value in new_status.items() if field != "decision_due_at"}
    return numbers.alias(**new).filter(
        Q(tagged_since=F("new_tagged_since")) | Q(tagged_since__isnull=True, new_tagged_since__isnull=True),
        spam_status=F("new_spam_status"),
        ever_checked=F("new_ever_checked"),
    )


def _get_new_times(checks: QuerySet[Check], signs: QuerySet[Check], at_risk: Q, now: datetime) -> dict[str, Any]:
    """When sources were last asked, until when their answers hold, and since and until when a number is at risk."""
    of_checks = checks.values("number")
    # A call that told nothing is no answer that could expire.
    of_answers = checks.exclude(evidence=Check.Evidence.HANDSET, effect=Check.Effect.NONE).values("number")
    last_sign = signs.filter(number=OuterRef("pk")).values("number").annotate(at=Max("valid_until")).values("at")
    return {
        "checked_at": Coalesce(Subquery(of_checks.annotate(at=Min("last_at")).values("at")), F("checked_at")),
        "fresh_until": Subquery(of_answers.annotate(at=Min("valid_until")).values("at")),
        "at_risk_since": SQLCase(When(at_risk, then=Coalesce(F("at_risk_since"), Value(now)))),
        "at_risk_until": SQLCase(When(at_risk, then=Subquery(last_sign))),
    }


def _get_status_of_tagged(tagged: Collection[int]) -> SQLCase:
    """The status of tagged numbers, which their last case tells: the first condition that holds."""
    last_case = Case.objects.filter(number=OuterRef("pk")).order_by("-opened_at", "-pk")
    failed = Tag.objects.active().filter(number__in=in_list(tagged), case__state=Case.State.FAILED)
    has_failed = Q(pk__in=in_list(set(failed.values_list("number", flat=True))))
    return SQLCase(
        When(Exists(last_case.filter(state=Case.State.OPEN, former__isnull=False)), then=Value(Status.TAGGED_AGAIN)),
        When(Exists(last_case.filter(state=Case.State.OPEN)), then=Value(Status.TAGGED)),
        When(Exists(last_case.filter(state__in=Case.UNFINISHED)), then=Value(Status.IN_REMEDIATION)),
        When(has_failed, then=Value(Status.FAILED)),
        default=Value(Status.TAGGED),
    )
