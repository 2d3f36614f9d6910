"""Tags follow from the current checks: a tag begins with a check that tags, and ends when its source finds no label.

A source without an answer ends nothing, and a label that one telephone does not show is not gone on another carrier.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import F

from portal import audit
from portal.audit import Context
from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from reputation.models import Check, Tag
from reputation.monitoring.check_runs import Seen
from reputation.remediation import clearing

Effect = Check.Effect


class _Label(NamedTuple):
    """The columns of a current check that tags its number."""

    number_id: int
    engine_id: int
    carrier: str
    account_id: int
    label: str
    severity: str
    evidence: str
    last_at: datetime
    raw_response: Any


class _ActiveTag(NamedTuple):
    pk: int
    number_id: int
    engine_id: int
    carrier: str
    evidence: str


def update_tags(
    ids: Sequence[int], seen: Sequence[Seen], settled: Collection[int], *, now: datetime
) -> tuple[list[int], list[int]]:
    """Begins and ends the tags of these numbers; returns the number id of each tag that began, and that ended.

    `seen` is what was observed now. `settled` are the numbers whose app lists may have changed their effect.
    """
    checks = Check.objects.filter(number__in=in_list(ids), is_current=True, effect=Effect.TAGS)
    labels = {row[:3]: row for row in map(_Label._make, checks.values_list(*_Label._fields))}
    tags = Tag.objects.active().filter(number__in=in_list(ids))
    active = {row[1:4]: row for row in map(_ActiveTag._make, tags.values_list(*_ActiveTag._fields))}
    without_label = {(one.number_id, *one.source) for one in seen if one.effect in (Effect.CLEARS, Effect.RISK)}
    ended = [
        tag.pk
        for key, tag in active.items()
        if key not in labels
        and (key in without_label or (tag.evidence == Check.Evidence.APP_LIST and tag.number_id in settled))
    ]
    seen_again = {(one.number_id, *one.source) for one in seen} & active.keys() & labels.keys()
    update_rows(Tag, [{"id": active[key].pk, "last_seen_at": labels[key].last_at} for key in seen_again])
    began = [label for key, label in labels.items() if key not in active]
    _insert_tags(began, now)
    return [label.number_id for label in began], clearing.end_cleared_tags(ended, now=now)


def _insert_tags(labels: Sequence[_Label], now: datetime) -> None:
    rows = [
        {
            "account_id": label.account_id,
            "number_id": label.number_id,
            "engine_id": label.engine_id,
            "carrier": label.carrier,
            "label": label.label,
            "severity": label.severity,
            "evidence": label.evidence,
            "detected_at": now,
            "last_seen_at": label.last_at,
            "raw_response": label.raw_response,
        }
        for label in labels
    ]
    insert_rows(Tag, rows, ignore_conflicts=True)
    numbers = [label.number_id for label in labels]
    audit.record_changes(
        Tag.objects.active().filter(number__in=in_list(numbers), detected_at=now, case__isnull=True),
        context=Context.system(now),
        code="tag.detected",
        label=F("number__e164"),
        after="label",
        reason=F("engine__name"),
    )
