"""Retirement of engines: their tags end, because they are not asked any more, or because they only have complaints."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Check, Engine, EngineRole, Tag
from reputation.numbers import spam_status
from reputation.remediation import clearing

CHUNK = 500

_SOURCES = EngineRole.objects.filter(
    engine=OuterRef("engine"),
    provider=OuterRef("provider"),
    role__in=(EngineRole.Role.LOOK_UP, EngineRole.Role.OBSERVE),
    engine__in_use=True,
)


def retire_engines(now: datetime) -> int:
    """Ends one chunk of the tags and checks that do not count any more; returns how many numbers.

    These are the checks of providers that no longer look the engine up or observe it, and the tags that no other check
    supports. Each engine is retired once, because finding that nothing is left scans all checks.
    """
    retired = list(Engine.objects.filter(needs_retirement=True).values_list("pk", flat=True))
    if not retired:
        return 0
    checks = Check.objects.filter(~Exists(_SOURCES), is_current=True, engine__in=retired)
    supporting = Check.objects.filter(
        Exists(_SOURCES),
        number=OuterRef("number"),
        engine=OuterRef("engine"),
        carrier=OuterRef("carrier"),
        is_current=True,
        effect=Check.Effect.TAGS,
    )
    tags = Tag.objects.active().filter(~Exists(supporting), engine__in=retired)
    ids = _get_number_ids(tags) or _get_number_ids(checks)
    if not ids:
        Engine.objects.filter(pk__in=retired).update(needs_retirement=False)
        return 0
    with transaction.atomic():
        # By id: ending a check or a tag must not change which tags end.
        ending = Tag.objects.filter(pk__in=list(tags.filter(number__in=in_list(ids)).values_list("pk", flat=True)))
        audit.record_changes(
            ending,
            context=Context.system(now),
            code="tag.unwatched",
            label=F("number__e164"),
            before="label",
            reason=F("engine__name"),
        )
        ending.update(ended_at=now, end_reason=Tag.EndReason.RETIRED)
        checks.filter(number__in=in_list(ids)).update(is_current=False)
        clearing.close_cases_without_tags(ids, now=now)
        spam_status.recompute(ids, now=now)
    return len(ids)


def _get_number_ids(rows: QuerySet[Tag] | QuerySet[Check]) -> list[int]:
    return list(rows.order_by().values_list("number_id", flat=True).distinct()[:CHUNK])
