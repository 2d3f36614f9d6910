"""Audit events of new signs that a number is at risk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Value

from portal import audit
from portal.audit import Context
from portal.db.in_list import in_list
from reputation.models import Engine, PhoneNumber
from reputation.monitoring.check_runs import Seen


def record_new_risks(risks: Sequence[Seen], *, now: datetime) -> None:
    """Writes an audit event for each new sign, with its source and what it says."""
    names = dict(Engine.objects.values_list("pk", "name")) if risks else {}
    by_text: dict[tuple[str, str], set[int]] = defaultdict(set)
    for risk in risks:
        engine_id, carrier = risk.source
        source = f"{names[engine_id]}, {carrier}" if carrier else names[engine_id]
        by_text[source, risk.observation.label[:80]].add(risk.number_id)
    for (source, label), ids in by_text.items():
        audit.record_changes(
            PhoneNumber.objects.filter(pk__in=in_list(ids)),
            context=Context.system(now),
            code="number.at_risk",
            label="e164",
            after=Value(label),
            reason=Value(source),
        )
