"""How a number stands: its spam status, derived from capability, tags, cases and checks in one set-based UPDATE."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Case as When_
from django.db.models import CharField, Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from portal.db.in_list import in_list
from reputation.models import Case, Check, Engine, PhoneNumber, Tag

Status = PhoneNumber.SpamStatus


def recompute(ids: Sequence[int]) -> None:
    """Writes spam_status, tagged_since, checked_at and fresh_until of these numbers (a chunk) from what is known.

    Call it in the transaction that changed a tag, a case, a check or the capability. A number is clean only while a
    current answer of each engine in use says so; without one it is not yet known.

    Most looks find what was known before. They change only the two times: with the status, seven indexes are written.
    """
    tags = Tag.objects.standing().filter(number=OuterRef("pk"))
    checks = Check.objects.filter(number=OuterRef("pk"), is_current=True, engine__in_use=True).order_by()
    of_checks = checks.values("number")
    times = {
        "checked_at": Coalesce(Subquery(of_checks.annotate(at=Min("last_at")).values("at")), F("checked_at")),
        "fresh_until": Subquery(of_checks.annotate(at=Min("valid_until")).values("at")),
    }
    stands = {
        "spam_status": _spam_status(ids, tags),
        "tagged_since": Subquery(tags.order_by().values("number").annotate(at=Min("detected_at")).values("at")),
        "ever_checked": Q(ever_checked=True) | Exists(checks),
    }
    numbers = PhoneNumber.objects.filter(pk__in=in_list(ids))
    new = {f"new_{field}": value for field, value in stands.items()}
    as_before = numbers.alias(**new).filter(
        Q(tagged_since=F("new_tagged_since")) | Q(tagged_since__isnull=True, new_tagged_since__isnull=True),
        spam_status=F("new_spam_status"),
        ever_checked=F("new_ever_checked"),
    )
    same = set(as_before.values_list("pk", flat=True))
    PhoneNumber.objects.filter(pk__in=in_list(same)).update(**times)
    PhoneNumber.objects.filter(pk__in=in_list(pk for pk in ids if pk not in same)).update(**stands, **times)


def _spam_status(ids: Sequence[int], tags: QuerySet[Tag]) -> When_:
    """In the order of the specification's states: the first that holds."""
    last_case = Case.objects.filter(number=OuterRef("pk")).order_by("-opened_at", "-pk")
    engines = Engine.objects.filter(in_use=True).count()
    of_tagged = When_(
        When(Exists(last_case.filter(state=Case.State.OPEN, former__isnull=False)), then=Value(Status.TAGGED_AGAIN)),
        When(Exists(last_case.filter(state=Case.State.OPEN)), then=Value(Status.TAGGED)),
        When(Exists(last_case.filter(state__in=Case.UNFINISHED)), then=Value(Status.IN_REMEDIATION)),
        When(Q(pk__in=in_list(_numbers_with_failed_case(ids))), then=Value(Status.FAILED)),
        default=Value(Status.TAGGED),
    )
    return When_(
        When(~Q(capability=PhoneNumber.Capability.ON), then=Value(Status.NOT_MONITORED)),
        When(Exists(tags), then=of_tagged),
        When(Q(pk__in=in_list(_numbers_checked_by_all_engines(ids, engines))), then=Value(Status.CLEAN)),
        default=Value(Status.UNKNOWN),
        output_field=CharField(),
    )


def _numbers_with_failed_case(ids: Sequence[int]) -> list[int]:
    """Those whose standing tag belongs to a case that failed."""
    failed = Tag.objects.standing().filter(number__in=in_list(ids), case__state=Case.State.FAILED)
    return list(failed.values_list("number_id", flat=True).distinct())


def _numbers_checked_by_all_engines(ids: Sequence[int], engines: int) -> list[int]:
    current = Check.objects.filter(number__in=in_list(ids), is_current=True, engine__in_use=True)
    answered = current.order_by().values("number").annotate(answers=Count("pk")).filter(answers__gte=max(engines, 1))
    return list(answered.values_list("number", flat=True))
