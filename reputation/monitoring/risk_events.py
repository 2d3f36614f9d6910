"""Audit events of new signs that a number is at risk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import OuterRef, Subquery, Value

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Check, Engine, PhoneNumber
from reputation.monitoring.check_runs import Seen, Source


def record_new_risks(risks: Sequence[Seen], *, provider: str, now: datetime) -> None:
    """Writes an audit event for each new sign, with its source and what it says; one statement for each source.

    Call it after the provider's checks are written: their labels are what the signs say.
    """
    names = dict(Engine.objects.values_list("pk", "name")) if risks else {}
    by_source: dict[Source, list[int]] = defaultdict(list)
    for risk in risks:
        by_source[risk.source].append(risk.number_id)
    for (engine, carrier), ids in by_source.items():
        sign = Check.objects.filter(
            number=OuterRef("pk"), engine=engine, carrier=carrier, provider=provider, is_current=True
        )
        audit.record_changes(
            PhoneNumber.objects.filter(pk__in=in_list(ids)),
            context=Context.system(now),
            code="number.at_risk",
            label="e164",
            after=Subquery(sign.values("label")),
            reason=Value(f"{names[engine]}, {carrier}" if carrier else names[engine]),
        )
